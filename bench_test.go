package bearer_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"example.com/bearer"
)

// floor is the least that any such transport can do: it copies the request
// and its header map once, and sets a header that never changes.
type floor struct{ base http.RoundTripper }

var floorHeader = []string{"Bearer 0123456789abcdef0123456789abcdef"}

func (f floor) RoundTrip(req *http.Request) (*http.Response, error) {
	out := new(http.Request)
	*out = *req
	out.Header = make(http.Header, len(req.Header)+1)
	for k, v := range req.Header {
		out.Header[k] = v
	}
	out.Header["Authorization"] = floorHeader
	return f.base.RoundTrip(out)
}

// idle is a base that does nothing.
type idle struct{ resp *http.Response }

func (i idle) RoundTrip(*http.Request) (*http.Response, error) { return i.resp, nil }

func staticSource(lifetime time.Duration) bearer.Source {
	return bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
		return &bearer.Token{AccessToken: "0123456789abcdef0123456789abcdef", Expiry: time.Now().Add(lifetime)}, nil
	})
}

func BenchmarkRoundTrip(b *testing.B) {
	base := idle{&http.Response{StatusCode: http.StatusOK, Body: http.NoBody}}
	for name, rt := range map[string]http.RoundTripper{
		"floor":  floor{base},
		"bearer": &bearer.Transport{Source: staticSource(time.Hour), Base: base},
	} {
		b.Run(name, func(b *testing.B) {
			req, _ := http.NewRequest(http.MethodGet, "https://api.example.com/v1/items", nil)
			for _, h := range []string{"Accept", "Accept-Encoding", "User-Agent", "Content-Type", "X-Request-Id", "X-Trace", "Cache-Control", "If-None-Match"} {
				req.Header.Set(h, "value of "+h)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := rt.RoundTrip(req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkToken(b *testing.B) {
	c := &bearer.Cache{Source: staticSource(time.Hour)}
	ctx := context.Background()
	b.Run("now", func(b *testing.B) {
		for b.Loop() {
			_ = time.Now()
		}
	})
	b.Run("bearer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Token(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}
