package proxy

import (
	"io"
	"net/http"
	"slices"
)

// forwardTrailers makes out send the trailers that in announces, except for
// secrets. Their values are known when in's body has been read to its end;
// httputil copies the trailers before that.
func forwardTrailers(in, out *http.Request, secrets []string) {
	if len(in.Trailer) == 0 || out.Body == nil {
		return
	}
	for name := range out.Trailer {
		if slices.Contains(secrets, name) {
			delete(out.Trailer, name)
		}
	}
	out.Body = &trailing{out.Body, in, out.Trailer}
}

// trailing is the body of a request with trailers.
type trailing struct {
	io.ReadCloser
	in  *http.Request
	out http.Header // the trailers to send; the transport reads them after the body
}

func (t *trailing) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	if err == io.EOF {
		for name := range t.out {
			t.out[name] = t.in.Trailer[name]
		}
	}
	return n, err
}
