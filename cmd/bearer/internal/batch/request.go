package batch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"example.com/bearer/cmd/bearer/internal/target"
)

// A request is one line of the input.
type request struct {
	line line
	id   json.RawMessage // what the line wants to see again in its result

	method string
	url    *url.URL
	header http.Header
	body   []byte
}

// Defaults are what holds for the requests that do not say otherwise.
type Defaults struct {
	Method string      // empty: GET, or POST with a body
	Header http.Header // nil: none
}

// spec is a request as a line of NDJSON has it.
type spec struct {
	ID         json.RawMessage   `json:"id"`
	Method     string            `json:"method"`
	URL        string            `json:"url"`
	Headers    map[string]values `json:"headers"`
	Body       json.RawMessage   `json:"body"`
	BodyBase64 []byte            `json:"body_base64"`
}

// values are a header's: one text, or a list of them.
type values []string

func (v *values) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]string)(v))
	}
	*v = make(values, 1)
	return json.Unmarshal(data, &(*v)[0])
}

// parse returns the request that a line stands for: a URL, or an object of
// NDJSON. With an error, the request has what was understood.
func (d Defaults) parse(l line, where *target.Target) (r request, err error) {
	r = request{line: l, method: d.Method, header: http.Header{}}
	if l.err != nil {
		return r, l.err
	}
	s := spec{URL: string(l.text)}
	if l.text[0] == '{' {
		s = spec{}
		if err := decode(l.text, &s); err != nil {
			return r, err
		}
		r.id = s.ID
		if s.URL == "" {
			return r, errors.New("the object has no url: set it")
		}
	}
	if r.url, err = where.URL(s.URL); err != nil {
		return r, err
	}
	for name, values := range s.Headers {
		for _, value := range values {
			if err := where.SetHeader(r.header, name, value); err != nil {
				return r, err
			}
		}
	}
	for name, values := range d.Header {
		if _, own := r.header[name]; !own {
			r.header[name] = values
		}
	}
	if err := r.setBody(s); err != nil {
		return r, err
	}
	if s.Method != "" {
		r.method = s.Method
	}
	switch {
	case r.method == "" && r.body == nil:
		r.method = http.MethodGet
	case r.method == "":
		r.method = http.MethodPost
	case !target.ValidMethod(r.method):
		return r, fmt.Errorf("%q is not a method: write GET, POST or another in capitals", r.method)
	}
	return r, nil
}

// setBody sets the body: a text as it is, any other JSON value as JSON.
func (r *request) setBody(s spec) error {
	text := len(s.Body) > 0 && s.Body[0] == '"'
	switch {
	case s.Body != nil && s.BodyBase64 != nil:
		return errors.New("the object has both body and body_base64: remove one of them")
	case s.BodyBase64 != nil:
		r.body = s.BodyBase64
	case text:
		var body string
		if err := json.Unmarshal(s.Body, &body); err != nil {
			return badJSON(err)
		}
		r.body = []byte(body)
	case s.Body != nil && string(s.Body) != "null":
		r.body = s.Body
		if r.header.Get("Content-Type") == "" {
			r.header.Set("Content-Type", "application/json")
		}
	}
	return nil
}

// idempotent reports whether the request may be sent again although it may have
// been processed (RFC 9110 section 9.2.2), as net/http decides it.
func (r *request) idempotent() bool {
	switch r.method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	_, key := r.header["Idempotency-Key"]
	_, xkey := r.header["X-Idempotency-Key"]
	return key || xkey
}

// decode reads one JSON object without unknown keys. Its errors do not quote
// the object, which may hold secrets.
func decode(data []byte, s *spec) error {
	if !utf8.Valid(data) { // encoding/json would send other bytes in its place
		return errors.New("the line is not UTF-8: write such a body in body_base64")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return badJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one JSON object on the line: write one on each")
	}
	return nil
}

func badJSON(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s cannot be a JSON %s", e.Field, e.Value)
	}
	if key, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("there is no key %s: the keys are id, method, url, headers, body and body_base64", key)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("the line is not a JSON object: the fault is at byte %d", e.Offset)
	}
	return errors.New("the line is not a complete JSON object")
}
