package bearer

import "fmt"

// fmt follows pointers without asking what they point to how it wants to be
// shown. A printed Cache or Transport would show the Source's secrets, and the
// token.

// Format implements [fmt.Formatter]: no verb shows more than the Key.
func (c *Cache) Format(f fmt.State, _ rune) {
	if c == nil {
		fmt.Fprint(f, "<nil>")
		return
	}
	fmt.Fprintf(f, "bearer.Cache{Key:%q}", c.Key)
}

// Format implements [fmt.Formatter]: no verb shows more than the Hosts.
func (t *Transport) Format(f fmt.State, _ rune) {
	if t == nil {
		fmt.Fprint(f, "<nil>")
		return
	}
	fmt.Fprintf(f, "bearer.Transport{Hosts:%q}", t.Hosts)
}
