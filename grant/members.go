package grant

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/url"
)

// members is an answer taken apart: a JSON object, or a form, whose values are strings then.
type members map[string]json.RawMessage

// members reads the body. Its shape counts for more than its Content-Type, which servers get
// wrong. No error quotes the body: it may hold a token.
func (a *answer) members() (members, error) {
	body := bytes.TrimSpace(bytes.TrimPrefix(a.body, []byte("\ufeff"))) // RFC 8259 section 8.1 lets us ignore a byte order mark
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

// object reads one JSON object and nothing after it. A name that is there twice is an error: two
// readers of such an answer need not agree on what it says (RFC 8259 section 4).
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
			return nil, errors.New("JSON with a name that is there twice")
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

// form reads a query string, as some servers answer. It is nil if body is none: almost any text
// parses as one, so the names have to be there.
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

// text gives a member that has to be a string. Absent and null are "".
func (m members) text(name string) (string, error) {
	raw, ok := m[name]
	if !ok {
		return "", nil
	}
	var s *string
	if json.Unmarshal(raw, &s) != nil { // its error would quote the value
		return "", errors.New(name + " is no string")
	}
	if s == nil {
		return "", nil
	}
	return *s, nil
}
