package grant

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/url"
)

// members is a parsed answer: a JSON object, or a form with strings as values.
type members map[string]json.RawMessage

// trimmed returns the body without the space around it, and without a byte
// order mark, which RFC 8259 section 8.1 allows to be ignored.
func (a *answer) trimmed() []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(a.body, []byte("\ufeff")))
}

// members parses the body. Its shape counts more than its Content-Type, which
// servers get wrong. No error quotes the body, which may hold a token.
func (a *answer) members() (members, error) {
	body := a.trimmed()
	switch {
	case a.tooLarge:
		return nil, errors.New("more than 1 MiB")
	case len(body) == 0:
		return nil, errors.New("an empty body")
	case body[0] == '{':
		return object(body)
	case body[0] == '<':
		return nil, errors.New("HTML")
	}
	switch kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); kind {
	case "application/x-www-form-urlencoded", "text/plain", "":
		if m := form(string(body)); m != nil {
			return m, nil
		}
	}
	return nil, errors.New("no JSON object")
}

// object parses one JSON object and nothing after it. A duplicate name is an
// error: parsers do not agree on what such an object says (RFC 8259 section 4).
func object(body []byte) (members, error) {
	truncated := errors.New("JSON that is broken or cut short")
	dec := json.NewDecoder(bytes.NewReader(body))
	if _, err := dec.Token(); err != nil {
		return nil, truncated
	}
	m := members{}
	for dec.More() {
		var value json.RawMessage
		token, err := dec.Token()
		if err != nil {
			return nil, truncated
		}
		name, ok := token.(string)
		if !ok || dec.Decode(&value) != nil {
			return nil, truncated
		}
		if _, twice := m[name]; twice {
			return nil, errors.New("JSON with the same name twice")
		}
		m[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, truncated
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("JSON with something after it")
	}
	return m, nil
}

// form parses a query string, as some servers answer. It is nil if body is
// something else: almost any text parses as a form, so it must have one of the
// names.
func form(body string) members {
	values, err := url.ParseQuery(body)
	if err != nil || !values.Has("access_token") && !values.Has("error") {
		return nil
	}
	m := members{}
	for name, all := range values {
		if len(all) != 1 {
			return nil
		}
		m[name], _ = json.Marshal(all[0])
	}
	return m
}

// text returns a member that must be a string. Absent and null are "".
func (m members) text(name string) (string, error) {
	raw, ok := m[name]
	if !ok {
		return "", nil
	}
	var s *string
	if json.Unmarshal(raw, &s) != nil { // its error would quote the value
		return "", errors.New(name + " is not a string")
	}
	if s == nil {
		return "", nil
	}
	return *s, nil
}
