package config

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Secret is a value that is never shown: every verb of fmt, JSON, text
// encodings and slog print "<secret>", or nothing if it is empty. Convert it
// to a string to use it.
type Secret string

const hidden = "<secret>"

// String returns "<secret>", or "" if the secret is empty.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// Format implements [fmt.Formatter], since %x, %d and %#v do not call String.
func (s Secret) Format(w fmt.State, verb rune) {
	if verb == 'q' || verb == 'v' && w.Flag('#') {
		fmt.Fprintf(w, "%q", s.String())
		return
	}
	_, _ = io.WriteString(w, s.String())
}

// MarshalText implements [encoding.TextMarshaler], for JSON, YAML and others.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Duration is a time.Duration that a file writes as "5m" or "1h30m", and as
// false for "off", which is negative here.
type Duration time.Duration

// off is what false stands for.
const off = Duration(-1)

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) {
	if d < 0 {
		return []byte("false"), nil
	}
	return []byte(time.Duration(d).String()), nil
}

// String returns what a file says: "5m0s", or "false".
func (d Duration) String() string {
	text, _ := d.MarshalText()
	return string(text)
}

// URL is an absolute URL. It may have variables: ${connection.NAME} stands for
// what a client's connection says, and ${token.NAME} for a member of the token
// answer.
type URL string

// Path is the path of a file or a folder: absolute, relative to the folder of
// the file that declares it, or below the user's home folder if it begins with
// "~/". A decoded Path is absolute.
type Path string
