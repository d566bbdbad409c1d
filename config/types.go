package config

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
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

// String returns what a file says: "5m0s", or "false".
func (d Duration) String() string {
	if d < 0 {
		return "false"
	}
	return time.Duration(d).String()
}

// MarshalJSON implements [json.Marshaler].
func (d Duration) MarshalJSON() ([]byte, error) {
	if d < 0 {
		return []byte("false"), nil
	}
	return json.Marshal(d.String())
}

// URL is an absolute URL. It may have variables: ${connection.NAME} stands for
// what a client's connection says, ${token.NAME} for a member of the token
// answer, and ${callback.NAME} for a parameter of the callback of a login.
//
// When printed, it does not show a password, and nothing if it cannot be
// parsed.
type URL string

// String returns the URL without a password.
func (u URL) String() string {
	if !strings.Contains(string(u), "@") {
		return string(u)
	}
	parsed, err := url.Parse(string(u))
	if err != nil || parsed.User == nil && parsed.Opaque != "" {
		return hidden
	}
	return parsed.Redacted()
}

// Format implements [fmt.Formatter].
func (u URL) Format(w fmt.State, verb rune) {
	if verb == 'q' || verb == 'v' && w.Flag('#') {
		fmt.Fprintf(w, "%q", u.String())
		return
	}
	_, _ = io.WriteString(w, u.String())
}

// MarshalText implements [encoding.TextMarshaler].
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// Command is a command with its arguments, which runs without a shell. When
// printed, it does not show the arguments, which may hold a secret.
type Command []string

// String returns the command without its arguments.
func (c Command) String() string {
	shown, _ := c.MarshalJSON()
	return string(shown)
}

// Format implements [fmt.Formatter].
func (c Command) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, c.String()) }

// MarshalJSON implements [json.Marshaler].
func (c Command) MarshalJSON() ([]byte, error) {
	shown := []string{}
	if len(c) > 0 {
		shown = append(shown, c[0])
	}
	if len(c) > 1 {
		shown = append(shown, "(arguments hidden)")
	}
	return json.Marshal(shown)
}

// Path is the path of a file or a folder: absolute, relative to the folder of
// the file that declares it, or below the user's home folder if it begins with
// "~/". A decoded Path is absolute.
type Path string
