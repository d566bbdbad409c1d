package bearer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

const apiURL = "https://api.test/v1"

// A request is sent with the token, and otherwise as it is.
func TestTransportInjects(t *testing.T) {
	var sent *http.Request
	tr := &bearer.Transport{Source: new(mint), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		sent = req
		return answer(req, http.StatusOK, ""), nil
	})}
	req, _ := http.NewRequest(http.MethodPut, apiURL+"/items?q=1", strings.NewReader("body"))
	req.Header.Set("X-Trace", "7")
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sent.Header.Get("Authorization"), "Bearer token-1"; got != want {
		t.Errorf("Authorization: got %q, want %q", got, want)
	}
	if sent.Method != req.Method || sent.URL.String() != req.URL.String() || sent.Header.Get("X-Trace") != "7" || sent.ContentLength != 4 {
		t.Errorf("the request was sent as %v %v %v", sent.Method, sent.URL, sent.Header)
	}
	if resp.Request != req {
		t.Error("Response.Request is not the caller's request but the copy with its token")
	}
}

// A request made without http.NewRequest may have a nil Header.
func TestTransportInjectsIntoNilHeader(t *testing.T) {
	var got string
	tr := &bearer.Transport{Source: new(mint), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		got = req.Header.Get("Authorization")
		return answer(req, http.StatusOK, ""), nil
	})}
	u, _ := url.Parse(apiURL)
	req := &http.Request{URL: u}
	if _, err := tr.RoundTrip(req); err != nil {
		t.Fatal(err)
	}
	if want := "Bearer token-1"; got != want {
		t.Errorf("Authorization: got %q, want %q", got, want)
	}
	if req.Header != nil {
		t.Errorf("the caller's request got a header: %v", req.Header)
	}
}

// G1: neither sending nor replaying changes the caller's request.
func TestG1RequestIsNotChanged(t *testing.T) {
	tr := &bearer.Transport{Source: new(mint), MaxReplayBytes: 100, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		req.Header.Set("X-Base", "adds its own")
		if req.Header.Get("Authorization") == "Bearer token-1" {
			return answer(req, http.StatusUnauthorized, ""), nil
		}
		return answer(req, http.StatusOK, ""), nil
	})}
	body := io.NopCloser(strings.NewReader("body"))
	req, _ := http.NewRequest(http.MethodPost, apiURL, body)
	req.Header["X-Multi"] = []string{"a", "b"}
	before, header, u := *req, req.Header.Clone(), *req.URL

	if resp, err := tr.RoundTrip(req); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("got %v, %v, want a replay that works", resp, err)
	}
	if !maps.EqualFunc(req.Header, header, func(a, b []string) bool { return strings.Join(a, ",") == strings.Join(b, ",") }) {
		t.Errorf("header: got %v, want %v", req.Header, header)
	}
	if *req.URL != u || req.URL != before.URL {
		t.Errorf("URL: got %v, want %v", req.URL, &u)
	}
	if req.Body != before.Body || req.GetBody != nil || req.ContentLength != before.ContentLength {
		t.Error("the caller's body was exchanged")
	}
}

// G1: a Base that appends to a header value does not write into the caller's
// array, and one that overwrites the token does not change that of the next
// request.
func TestG1HeaderValuesAreNotWrittenTo(t *testing.T) {
	values := append(make([]string, 0, 4), "a")
	req, _ := http.NewRequest(http.MethodGet, apiURL, nil)
	req.Header["X-Multi"] = values
	req.Header["X-None"] = nil
	var sent []string
	tr := &bearer.Transport{Source: new(mint), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		req.Header.Add("X-Multi", "b")
		if v, ok := req.Header["X-None"]; !ok || v != nil {
			t.Errorf("X-None: got %v, %v, want the key with nil", v, ok)
		}
		sent = append(sent, req.Header["Authorization"][0])
		req.Header["Authorization"][0] = "redacted"
		return answer(req, http.StatusOK, ""), nil
	})}
	for range 2 {
		if _, err := tr.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
	}
	if got := values[:2]; got[1] != "" {
		t.Errorf("the caller's array: got %q, want it as it was", got)
	}
	if want := []string{"Bearer token-1", "Bearer token-1"}; !slices.Equal(sent, want) {
		t.Errorf("got %q, want %q", sent, want)
	}
}

// A copy of a Transport in use would ignore its changed fields, so it refuses
// every request. A Transport may be copied before its first use.
func TestCopyOfAUsedTransport(t *testing.T) {
	used := &bearer.Transport{Source: new(mint), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		return answer(req, http.StatusOK, ""), nil
	})}
	copyOf := func(tr *bearer.Transport) *bearer.Transport {
		c := reflect.New(reflect.TypeFor[bearer.Transport]())
		c.Elem().Set(reflect.ValueOf(tr).Elem()) // go vet finds *c = *tr
		return c.Interface().(*bearer.Transport)
	}
	unused := copyOf(used)
	for _, url := range []string{apiURL, "http://api.test"} {
		req, _ := http.NewRequest(http.MethodGet, url, nil)
		_, _ = used.RoundTrip(req)
	}
	copied := copyOf(used)
	copied.Hosts = []string{"other.test"}
	copied.Base = roundTrip(func(*http.Request) (*http.Response, error) {
		t.Error("the copy sent a request")
		return nil, errDown
	})
	body := &closeCounter{Reader: strings.NewReader("body")}
	req, _ := http.NewRequest(http.MethodPost, apiURL, body)
	if _, err := copied.RoundTrip(req); err == nil || !strings.Contains(err.Error(), "bearer: this Transport is a copy") || body.closed.Load() != 1 {
		t.Errorf("the copy: got %v and closed the body %d times, want an error that says so, and 1", err, body.closed.Load())
	}
	for name, tr := range map[string]*bearer.Transport{"the original": used, "the copy of one that was not used": unused} {
		req, _ := http.NewRequest(http.MethodGet, apiURL, nil)
		if _, err := tr.RoundTrip(req); err != nil {
			t.Errorf("%s: got %v, want no error", name, err)
		}
	}
}

// If a Base breaks the rules and returns a response and an error, Transport
// closes the response: http.Client would leak it.
func TestBaseThatReturnsBoth(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"with the token":    func(*http.Request) {},
		"own Authorization": func(req *http.Request) { req.Header.Set("Authorization", "Basic eA==") },
		"withheld":          func(req *http.Request) { req.URL.Host = "other.test" },
	} {
		body := new(closeCounter)
		tr := &bearer.Transport{Source: new(mint), Hosts: []string{"api.test"}, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusUnauthorized, Body: body}, errDown
		})}
		req, _ := http.NewRequest(http.MethodGet, apiURL, nil)
		change(req)
		if resp, err := tr.RoundTrip(req); resp != nil || err != errDown || body.closed.Load() != 1 {
			t.Errorf("%s: got %v, %v and closed the response %d times, want the error alone, and 1", name, resp, err, body.closed.Load())
		}
	}
}

// closeCounter is a body that counts how often it is closed.
type closeCounter struct {
	io.Reader
	err    error // of Close
	closed atomic.Int32
}

func (c *closeCounter) Close() error { c.closed.Add(1); return c.err }

type failingReader struct{}

var errRead = errors.New("disk on fire")

func (failingReader) Read([]byte) (int, error) { return 0, errRead }

// G1: the body is closed exactly once on every path.
func TestG1BodyIsClosedOnce(t *testing.T) {
	ok := roundTrip(func(req *http.Request) (*http.Response, error) { return answer(req, http.StatusOK, ""), nil })
	rejects := roundTrip(func(req *http.Request) (*http.Response, error) {
		return answer(req, http.StatusUnauthorized, ""), nil
	})
	broken := roundTrip(func(req *http.Request) (*http.Response, error) {
		req.Body.Close()
		return nil, errors.New("connection reset")
	})
	noToken := &bearer.Cache{RetryFor: -1, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return nil, errors.New("no") })}
	large := strings.Repeat("x", 100)

	for name, c := range map[string]struct {
		tr     *bearer.Transport
		body   io.Reader
		change func(*http.Request)
	}{
		"accepted":             {tr: &bearer.Transport{Source: new(mint), Base: ok}},
		"rejected":             {tr: &bearer.Transport{Source: new(mint), Base: rejects}},
		"rejected, buffered":   {tr: &bearer.Transport{Source: new(mint), Base: rejects, MaxReplayBytes: 10}},
		"longer than buffered": {tr: &bearer.Transport{Source: new(mint), Base: rejects, MaxReplayBytes: 10}, body: strings.NewReader(large)},
		"announced as longer":  {tr: &bearer.Transport{Source: new(mint), Base: rejects, MaxReplayBytes: 10}, body: strings.NewReader(large), change: func(r *http.Request) { r.ContentLength = 100 }},
		"unreadable":           {tr: &bearer.Transport{Source: new(mint), Base: ok, MaxReplayBytes: 10}, body: failingReader{}},
		"network error":        {tr: &bearer.Transport{Source: new(mint), Base: broken}},
		"no token":             {tr: &bearer.Transport{Source: noToken, Base: ok}},
		"no token, buffered":   {tr: &bearer.Transport{Source: noToken, Base: ok, MaxReplayBytes: 10}},
		"no token, too long":   {tr: &bearer.Transport{Source: noToken, Base: ok, MaxReplayBytes: 10}, body: strings.NewReader(large)},
		"no token, no body":    {tr: &bearer.Transport{Source: noToken, Base: ok}, change: func(r *http.Request) { r.Body.Close(); r.Body = nil }},
		"nil Source":           {tr: &bearer.Transport{Base: ok}},
		"bad Hosts":            {tr: &bearer.Transport{Source: new(mint), Base: ok, Hosts: []string{"https://api.test"}}},
		"nil URL":              {tr: &bearer.Transport{Source: new(mint), Base: ok}, change: func(r *http.Request) { r.URL = nil }},
		"plaintext":            {tr: &bearer.Transport{Source: new(mint), Base: ok}, change: func(r *http.Request) { r.URL.Scheme = "http" }},
		"withheld":             {tr: &bearer.Transport{Source: new(mint), Base: ok, Hosts: []string{"other.test"}}},
		"own Authorization":    {tr: &bearer.Transport{Source: new(mint), Base: rejects}, change: func(r *http.Request) { r.Header.Set("Authorization", "Basic eA==") }},
	} {
		t.Run(name, func(t *testing.T) {
			if c.body == nil {
				c.body = strings.NewReader("body")
			}
			body := &closeCounter{Reader: c.body}
			req, _ := http.NewRequest(http.MethodPost, apiURL, body)
			if c.change != nil {
				c.change(req)
			}
			if resp, err := c.tr.RoundTrip(req); err == nil {
				resp.Body.Close()
			}
			if got := body.closed.Load(); got != 1 {
				t.Errorf("the body was closed %d times, want 1", got)
			}
		})
	}
}

// G1: a replay closes both bodies, each once.
func TestG1BothBodiesOfAReplayAreClosedOnce(t *testing.T) {
	first := &closeCounter{Reader: strings.NewReader("body")}
	second := &closeCounter{Reader: strings.NewReader("body")}
	req, _ := http.NewRequest(http.MethodPost, apiURL, first)
	req.GetBody = func() (io.ReadCloser, error) { return second, nil }
	tr := &bearer.Transport{Source: new(mint), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		return answer(req, http.StatusUnauthorized, ""), nil
	})}
	if _, err := tr.RoundTrip(req); err != nil {
		t.Fatal(err)
	}
	if a, b := first.closed.Load(), second.closed.Load(); a != 1 || b != 1 {
		t.Errorf("the bodies were closed %d and %d times, want 1 and 1", a, b)
	}
}

// G2: a request that has an Authorization header, even an empty one, is sent as
// it is, and its 401 is not acted on.
func TestG2OwnAuthorizationWins(t *testing.T) {
	for _, own := range []http.Header{
		{"Authorization": {"Basic dTpw"}},
		{"Authorization": {"Bearer mine"}},
		{"Authorization": {""}},
		{"Authorization": nil},
		{"authorization": {"Bearer mine"}}, // net/http writes the key as it is
	} {
		source := new(mint)
		var sent []*http.Request
		tr := &bearer.Transport{Source: source, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			sent = append(sent, req)
			return answer(req, http.StatusUnauthorized, ""), nil
		})}
		req, _ := http.NewRequest(http.MethodGet, apiURL, nil)
		req.Header = own
		resp, err := tr.RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%v: got %v, %v, want the 401", own, resp, err)
		}
		if len(sent) != 1 || sent[0] != req || source.calls.Load() != 0 {
			t.Errorf("%v: got %d requests and %d token requests, want the request itself, once, and none", own, len(sent), source.calls.Load())
		}
	}
}

// G2: user and password in the URL count as well, because http.Client turns
// them into an Authorization header.
func TestG2URLCredentialsWin(t *testing.T) {
	var got string
	client := &http.Client{Transport: &bearer.Transport{Source: new(mint), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		got = req.Header.Get("Authorization")
		return answer(req, http.StatusOK, ""), nil
	})}}
	if _, err := client.Get("https://user:pw@api.test/"); err != nil {
		t.Fatal(err)
	}
	if want := "Basic dXNlcjpwdw=="; got != want {
		t.Errorf("Authorization: got %q, want %q", got, want)
	}
}

// G5: no token, no request.
func TestG5NoTokenNoRequest(t *testing.T) {
	cause := errors.New("the cause")
	tr := &bearer.Transport{
		Source: &bearer.Cache{RetryFor: -1, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return nil, cause })},
		Base: roundTrip(func(*http.Request) (*http.Response, error) {
			t.Error("a request was sent without a token")
			return nil, errors.New("sent")
		}),
	}
	_, err := (&http.Client{Transport: tr}).Get(apiURL)
	if te, ok := errors.AsType[*bearer.TokenError](err); !ok || te.Err != cause {
		t.Errorf("got %v, want a *TokenError with the cause", err)
	}
	if want := `Get "https://api.test/v1": bearer: no token: the cause`; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %q, want it to begin with %q", err, want)
	}
}

// G5, G8: a request that waits for a token fails when its context ends, and is
// not sent later.
func TestG5WaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := &bearer.Transport{Source: &mint{takes: 10 * time.Second}, Base: roundTrip(nil)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, apiURL, nil)
		start := time.Now()
		_, err := tr.RoundTrip(req)
		if _, ok := errors.AsType[*bearer.TokenError](err); !ok || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want a *TokenError with the context's end", err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("it took %v, want 1s", got)
		}
		time.Sleep(10 * time.Second) // the refresh succeeds, with no waiter left
	})
}

// An invalid field is an error that names it, not a panic.
func TestTransportBadInput(t *testing.T) {
	ok := roundTrip(func(req *http.Request) (*http.Response, error) { return answer(req, http.StatusOK, ""), nil })
	for name, c := range map[string]struct {
		tr   *bearer.Transport
		want string
	}{
		"zero Transport": {&bearer.Transport{Base: ok}, "Transport.Source"},
		"nil *Cache":     {&bearer.Transport{Base: ok, Source: (*bearer.Cache)(nil)}, "Transport.Source"},
		"zero Cache":     {&bearer.Transport{Base: ok, Source: new(bearer.Cache)}, "Cache.Source"},
		"nil SourceFunc": {&bearer.Transport{Base: ok, Source: bearer.SourceFunc(nil)}, "SourceFunc"},
		"nil *mint":      {&bearer.Transport{Base: ok, Source: (*mint)(nil)}, "nil *bearer_test.mint"},
		"no token":       {&bearer.Transport{Base: ok, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return nil, nil })}, "neither a token nor an error"},
		"newline":        {&bearer.Transport{Base: ok, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return &bearer.Token{AccessToken: "s3cret\n"}, nil })}, "AccessToken"},
		"nothing back":   {&bearer.Transport{Base: roundTrip(func(*http.Request) (*http.Response, error) { return nil, nil }), Source: new(mint)}, "Transport.Base"},
	} {
		req, _ := http.NewRequest(http.MethodGet, apiURL, nil)
		_, err := c.tr.RoundTrip(req)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), "bearer: ") != 1 || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got error %v, want one that names %s, with the prefix once", name, err, c.want)
		}
	}

	tr := &bearer.Transport{Source: new(mint), Base: ok}
	for name, req := range map[string]*http.Request{"nil request": nil, "nil URL": {}} {
		if _, err := tr.RoundTrip(req); err == nil || !strings.Contains(err.Error(), "Request.URL is nil") {
			t.Errorf("%s: got %v, want an error that names Request.URL", name, err)
		}
	}
}

// A Response may have a nil Body: http.Client allows a Base to return one.
func TestNilResponseBody(t *testing.T) {
	tr := &bearer.Transport{Source: new(mint), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.Header.Get("Authorization") == "Bearer token-1" {
			return &http.Response{StatusCode: http.StatusUnauthorized}, nil
		}
		return &http.Response{StatusCode: http.StatusOK}, nil
	})}
	resp, err := (&http.Client{Transport: tr}).Get(apiURL)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("got %v, %v, want the replay's 200", resp, err)
	}
}

type idleCloser struct {
	http.RoundTripper
	closed int
}

func (c *idleCloser) CloseIdleConnections() { c.closed++ }

// http.Client.CloseIdleConnections reaches Base.
func TestCloseIdleConnections(t *testing.T) {
	base := new(idleCloser)
	client := &http.Client{Transport: &bearer.Transport{Source: new(mint), Base: base}}
	client.CloseIdleConnections()
	if base.closed != 1 {
		t.Errorf("Base was told %d times, want 1", base.closed)
	}
	(&bearer.Transport{Base: roundTrip(nil)}).CloseIdleConnections() // a Base without the method is no error
}

// One Transport, and several Transports over one Cache, share the token.
func TestTransportsShareACache(t *testing.T) {
	source := new(mint)
	cache := &bearer.Cache{Source: source}
	base := roundTrip(func(req *http.Request) (*http.Response, error) {
		return answer(req, http.StatusOK, req.Header.Get("Authorization")), nil
	})
	for _, host := range []string{"a.test", "b.test"} {
		client := &http.Client{Transport: &bearer.Transport{Source: cache, Base: base, Hosts: []string{host}}}
		resp, err := client.Get("https://" + host)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(resp.Body); !bytes.Equal(got, []byte("Bearer token-1")) {
			t.Errorf("%s was sent %q, want token-1", host, got)
		}
	}
	if got := source.calls.Load(); got != 1 {
		t.Errorf("got %d token requests, want 1", got)
	}
}
