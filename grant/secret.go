package grant

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a string that does not show itself: every verb of fmt, JSON, text encodings and slog
// give "[redacted]" in its place. Convert it to a string to get at it.
//
// Two things are beyond it. Fmt does not ask the fields of a struct that are not exported, so keep
// it in one that is, or give that struct a Format of its own. And %p and %w, which are wrong for it
// and which go vet finds, print it.
type Secret string

const redacted = "[redacted]"

// String gives "[redacted]", or "" when there is no secret at all.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format is for fmt: each verb prints what [Secret.String] gives. A String method alone would
// not do, since %x, %d and %#v pass it by.
func (s Secret) Format(w fmt.State, verb rune) {
	if verb == 'q' || verb == 'v' && w.Flag('#') {
		fmt.Fprintf(w, "%q", s.String())
		return
	}
	io.WriteString(w, s.String())
}

// MarshalText is for JSON and other encodings. There is deliberately no way to write a Secret
// out: what stores one has to say so by a conversion.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
