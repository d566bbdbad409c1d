package config

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// What a file declares prints as JSON, whatever the verb. Without that, %s and
// %q would print the parts, which are pointers, without asking the methods of
// the secrets in them.

// Format implements [fmt.Formatter]. It shows no secret.
func (f File) Format(w fmt.State, _ rune) { printJSON(w, f) }

// Format implements [fmt.Formatter]. It shows no secret.
func (c Client) Format(w fmt.State, _ rune) { printJSON(w, c) }

// Format implements [fmt.Formatter]. It shows no secret.
func (s Server) Format(w fmt.State, _ rune) { printJSON(w, s) }

// Format implements [fmt.Formatter]. It shows no secret.
func (o OAuth2) Format(w fmt.State, _ rune) { printJSON(w, o) }

// Format implements [fmt.Formatter]. It shows the names of the clients.
func (s *Set) Format(w fmt.State, _ rune) {
	_, _ = io.WriteString(w, "config.Set["+strings.Join(s.Names(), " ")+"]")
}

// Format implements [fmt.Formatter].
func (f *following) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "config.Transport") }

func printJSON(w io.Writer, v any) {
	text, err := json.Marshal(v)
	if err != nil { // a claim that JSON does not have, such as an infinite number
		text = []byte("{}")
	}
	_, _ = w.Write(text)
}

// MarshalYAML returns what a file says, for package yaml. It shows no secret.
func (f File) MarshalYAML() (any, error) { return plain(f) }

// MarshalYAML is like that of [File].
func (c Client) MarshalYAML() (any, error) { return plain(c) }

// MarshalYAML is like that of [File].
func (s Server) MarshalYAML() (any, error) { return plain(s) }

// plain returns v as maps and lists, by way of JSON: its tags have the names.
func plain(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var maps any
	return maps, json.Unmarshal(text, &maps)
}

// MarshalJSON returns false for a part that is off.
func (r Refresh) MarshalJSON() ([]byte, error) {
	type fields Refresh
	return part(r.Off, fields(r))
}

// MarshalJSON is like that of [Refresh].
func (b Breaker) MarshalJSON() ([]byte, error) {
	type fields Breaker
	return part(b.Off, fields(b))
}

// MarshalJSON is like that of [Refresh].
func (s Store) MarshalJSON() ([]byte, error) {
	type fields Store
	return part(s.Off, fields(s))
}

func part(off bool, fields any) ([]byte, error) {
	if off {
		return []byte("false"), nil
	}
	return json.Marshal(fields)
}
