package batch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A Result is what came of one request, a line of the output. It has a status,
// an error or both.
type Result struct {
	Line    int64             `json:"line"` // of the input, from 1
	Hash    string            `json:"hash"` // of the line
	ID      json.RawMessage   `json:"id,omitempty"`
	Method  string            `json:"method,omitempty"`
	URL     string            `json:"url,omitempty"`
	Status  int               `json:"status,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`

	// Of the response's body there is one of these: JSON as it is and other
	// text as a string, bytes that are not text in base64, or a file.
	Body       json.RawMessage `json:"body,omitempty"`
	BodyBase64 []byte          `json:"body_base64,omitempty"`
	BodyFile   string          `json:"body_file,omitempty"`

	Attempts int    `json:"attempts,omitempty"`
	Millis   int64  `json:"ms"` // from the first attempt to the end of the last
	Error    string `json:"error,omitempty"`
}

// newResult returns the beginning of the result of r.
func newResult(r *request) *Result {
	out := &Result{Line: r.line.number, Hash: fmt.Sprintf("%016x", r.line.hash), ID: r.id, Method: r.method}
	if r.url != nil {
		out.URL = r.url.String()
	}
	return out
}

// answered adds the response.
func (r *Result) answered(a *answer, wanted []string) {
	r.Status = a.status
	for _, name := range wanted {
		if values := a.header.Values(name); len(values) > 0 {
			if r.Headers == nil {
				r.Headers = map[string]string{}
			}
			r.Headers[name] = strings.Join(values, ", ")
		}
	}
	r.BodyFile = a.file
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	switch body := a.body.Bytes(); {
	case len(body) == 0:
	case (kind == "application/json" || strings.HasSuffix(kind, "+json")) && utf8.Valid(body) && fits(body):
		r.Body = bytes.TrimSpace(body)
	case utf8.Valid(body) && bytes.IndexByte(body, 0) < 0:
		r.Body, _ = json.Marshal(string(body)) // a string has no error
	default:
		r.BodyBase64 = body
	}
}

// fits reports whether a body is JSON that can stand in a result: nested as
// deeply as encoding/json reads, with the result around it.
func fits(body []byte) bool {
	return json.Valid(body) && json.Valid(slices.Concat([]byte("["), body, []byte("]")))
}

func (r *Result) took(d time.Duration) { r.Millis = d.Milliseconds() }
