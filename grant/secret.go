package grant

import (
	"fmt"
	"io"
	"log/slog"
)

// A Secret is a string that does not show itself: every verb of fmt, JSON, text
// encodings and slog print "[redacted]" instead. Convert it to a string to use
// it.
//
// Two things are beyond it. Fmt does not call the methods of unexported fields,
// so keep it in an exported one, or give the struct its own Format method. And
// %p and %w, which are wrong for it and which go vet reports, print it.
type Secret string

const redacted = "[redacted]"

// String returns "[redacted]", or "" if the secret is empty.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format implements [fmt.Formatter]: each verb prints what [Secret.String]
// returns. A String method alone would not do, since %x, %d and %#v do not call
// it.
func (s Secret) Format(w fmt.State, verb rune) {
	if verb == 'q' || verb == 'v' && w.Flag('#') {
		fmt.Fprintf(w, "%q", s.String())
		return
	}
	io.WriteString(w, s.String())
}

// MarshalText implements [encoding.TextMarshaler], for JSON and others.
// Deliberately, no encoding writes a Secret out: code that stores one says so
// by a conversion.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
