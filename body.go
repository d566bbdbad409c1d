package bearer

import (
	"bytes"
	"context"
	"io"
	"math"
	"net/http"
)

// A payload is a request's body, for this sending and perhaps for another one.
type payload struct {
	now io.ReadCloser // nil: there is none

	// again gives the body once more, whole; nil if it cannot be had.
	again func() (io.ReadCloser, error)
}

// payloadOf takes over req's body. A body without GetBody is buffered if it is
// not longer than limit. On error the body has been closed.
func payloadOf(req *http.Request, limit int64) (payload, error) {
	body := req.Body
	switch {
	case body == nil || body == http.NoBody:
		return payload{body, noBody}, nil
	case req.GetBody != nil:
		return payload{body, req.GetBody}, nil
	case limit <= 0 || req.ContentLength > limit:
		return payload{now: body}, nil
	}

	// A body that is slow to come, as from a pipe, is not waited for longer
	// than the request's context lasts: closing it ends the reading.
	stop := context.AfterFunc(req.Context(), func() { body.Close() })
	// One byte more than the limit tells whether it was reached.
	limit = min(limit, math.MaxInt64-1)
	head, err := io.ReadAll(io.LimitReader(body, limit+1))
	if !stop() {
		return payload{}, contextErr(req.Context()) // body is closed already, or just being closed
	}
	if err != nil {
		body.Close()
		return payload{}, err
	}
	if int64(len(head)) > limit {
		return payload{now: readCloser{io.MultiReader(bytes.NewReader(head), body), body}}, nil
	}
	if err := body.Close(); err != nil {
		return payload{}, err
	}
	again := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(head)), nil }
	first, _ := again()
	return payload{first, again}, nil
}

func noBody() (io.ReadCloser, error) { return http.NoBody, nil }

type readCloser struct {
	io.Reader
	io.Closer
}

// drain reads what is left of a small body that nobody will read, so that its
// connection can be used again, and closes it.
func drain(resp *http.Response) {
	if resp.Body == nil {
		return // not so from net/http, but http.Client allows it to others
	}
	const small = 4 << 10 // rejections are short; for more, a new connection is cheaper
	if resp.ContentLength <= small {
		_, _ = io.CopyN(io.Discard, resp.Body, small)
	}
	resp.Body.Close()
}

// closeBody closes the body of a request that is not sent: a RoundTripper
// always does.
func closeBody(req *http.Request) {
	if req != nil && req.Body != nil {
		req.Body.Close()
	}
}
