package peers

import (
	"context"
	"net/http"
)

// glue is the RoundTripper for a peer that is used here without one of its
// own. It does what theirs do: Clone, and set the header.
type glue struct {
	token func(context.Context) (string, error)
	base  http.RoundTripper
}

func (g glue) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := g.token(req.Context())
	if err != nil {
		return nil, err
	}
	out := req.Clone(req.Context())
	out.Header.Set("Authorization", "Bearer "+token)
	return g.base.RoundTrip(out)
}

// aboveClient is the same above an http.Client.
func (g glue) aboveClient() func(*http.Request) (*http.Response, error) {
	client := &http.Client{Transport: g.base}
	g.base = roundTripperFunc(client.Do)
	return g.RoundTrip
}

type roundTripperFunc func(*http.Request) (*http.Response, error)

func (f roundTripperFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
