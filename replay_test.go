package bearer_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer"
)

// picky is an API that accepts one token and answers with the request's body.
// It records the body of each request.
type picky struct {
	accepts string        // empty: no token
	status  int           // of a rejection; zero: 401
	takes   time.Duration // before a rejection
	mu      sync.Mutex    // guards bodies
	bodies  []string
}

func (p *picky) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	p.mu.Lock()
	p.bodies = append(p.bodies, string(body))
	p.mu.Unlock()
	if p.accepts != "" && req.Header.Get("Authorization") == "Bearer "+p.accepts {
		return answer(req, http.StatusOK, string(body)), nil
	}
	time.Sleep(p.takes)
	return answer(req, cmp.Or(p.status, http.StatusUnauthorized), "rejected"), nil
}

func readAll(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// stream is a body that can be read once.
func stream(s string) io.Reader { return io.NopCloser(strings.NewReader(s)) }

// G4: 1,000 requests rejected at once cost one refresh, and none fails.
func TestG4BurstCostsOneRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &mint{takes: 150 * time.Millisecond}
		api := &picky{accepts: "token-2", takes: time.Second} // so that all are sent before the first is rejected
		client := &http.Client{Transport: &bearer.Transport{Source: source, Base: api}}
		var failed atomic.Int32
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				want := fmt.Sprint("body ", i)
				resp, err := client.Post(apiURL, "text/plain", strings.NewReader(want))
				if err != nil || resp.StatusCode != http.StatusOK || readAll(t, resp) != want {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		if got := source.calls.Load(); got != 2 {
			t.Errorf("got %d token requests, want 2: the first token and one renewal", got)
		}
		if got := failed.Load(); got != 0 {
			t.Errorf("%d of 1000 requests failed, want 0", got)
		}
		if got := len(api.bodies); got != 2000 {
			t.Errorf("the API got %d requests, want 2000", got)
		}
	})
}

// G4, G11: late 401s for an old token cost no refresh. The requests are
// replayed with the current token.
func TestG4LateRejectionsCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := new(mint)
		api := &picky{accepts: "token-2", takes: time.Minute}
		cache := &bearer.Cache{Source: source}
		client := &http.Client{Transport: &bearer.Transport{Source: cache, Base: api}}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				resp, err := client.Get(apiURL)
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Errorf("got %v, %v, want 200", resp, err)
				}
			})
		}
		synctest.Wait() // all have been sent with token-1
		old, _ := cache.Token(t.Context())
		if _, err := cache.Renew(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if got := source.calls.Load(); got != 2 {
			t.Errorf("got %d token requests, want 2", got)
		}
	})
}

// G4: a request is replayed at most once; a second 401 is returned.
func TestG4OneReplay(t *testing.T) {
	source, api := new(mint), new(picky)
	client := &http.Client{Transport: &bearer.Transport{Source: source, Base: api}}
	resp, err := client.Post(apiURL, "text/plain", strings.NewReader("body"))
	if err != nil || resp.StatusCode != http.StatusUnauthorized || readAll(t, resp) != "rejected" {
		t.Errorf("got %v, %v, want the 401, unread", resp, err)
	}
	if want := []string{"body", "body"}; !slices.Equal(api.bodies, want) {
		t.Errorf("the API got %q, want %q", api.bodies, want)
	}
}

// G4: which bodies are replayed, always whole. A request that cannot be
// replayed gets its 401, and the next request has the new token.
func TestG4WhichBodiesAreReplayed(t *testing.T) {
	const limit = 10
	for name, c := range map[string]struct {
		limit   int64
		body    io.Reader
		length  int64
		getBody func() (io.ReadCloser, error)
		empty   bool
		want    int // requests that the API gets
	}{
		"none":                 {empty: true, want: 2},
		"http.NoBody":          {body: http.NoBody, empty: true, want: 2},
		"bytes":                {body: bytes.NewReader([]byte("0123456789")), want: 2},
		"stream":               {body: stream("0123456789"), want: 1},
		"negative limit":       {limit: -1, body: stream("0123456789"), want: 1},
		"stream up to limit":   {limit: limit, body: stream("0123456789"), want: 2},
		"one byte more":        {limit: limit, body: stream("0123456789A"), want: 1},
		"much more":            {limit: limit, body: stream(strings.Repeat("0123456789", 1e5)), want: 1},
		"empty stream":         {limit: limit, body: stream(""), empty: true, want: 2},
		"announced, to limit":  {limit: limit, body: stream("0123456789"), length: limit, want: 2},
		"announced, one more":  {limit: limit, body: stream("0123456789A"), length: limit + 1, want: 1},
		"limitless":            {limit: math.MaxInt64, body: stream("0123456789"), want: 2},
		"GetBody beyond limit": {limit: 1, body: strings.NewReader("0123456789"), want: 2},
		"GetBody fails":        {body: stream("0123456789"), getBody: func() (io.ReadCloser, error) { return nil, errors.New("gone") }, want: 1},
		"GetBody returns nil":  {body: stream("0123456789"), getBody: func() (io.ReadCloser, error) { return nil, nil }, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			source, api := new(mint), &picky{accepts: "token-2"}
			tr := &bearer.Transport{Source: source, Base: api, MaxReplayBytes: c.limit}
			req, _ := http.NewRequest(http.MethodPost, apiURL, c.body)
			if c.length != 0 {
				req.ContentLength = c.length
			}
			if c.getBody != nil {
				req.GetBody = c.getBody
			}
			resp, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(api.bodies); got != c.want {
				t.Fatalf("the API got %d requests, want %d", got, c.want)
			}
			whole := "0123456789"
			if c.empty {
				whole = ""
			}
			if c.want == 2 && (resp.StatusCode != http.StatusOK || api.bodies[0] != whole || api.bodies[1] != whole) {
				t.Errorf("got %d for the bodies %q, want 200 for %q twice", resp.StatusCode, api.bodies, whole)
			}
			if c.want == 1 && (resp.StatusCode != http.StatusUnauthorized || readAll(t, resp) != "rejected") {
				t.Errorf("got %d, want the 401, unread", resp.StatusCode)
			}
			req, _ = http.NewRequest(http.MethodGet, apiURL, nil)
			if resp, err := tr.RoundTrip(req); err != nil || resp.StatusCode != http.StatusOK || source.calls.Load() != 2 {
				t.Errorf("the next request: got %v, %v after %d token requests, want 200 after 2", resp, err, source.calls.Load())
			}
		})
	}
}

// G4: a body longer than MaxReplayBytes is sent whole.
func TestBodyBeyondTheLimitIsWhole(t *testing.T) {
	want := strings.Repeat("0123456789", 1000)
	for _, limit := range []int64{0, 1, 9999, 10000, 10001} {
		api := &picky{accepts: "token-1"}
		tr := &bearer.Transport{Source: new(mint), Base: api, MaxReplayBytes: limit}
		req, _ := http.NewRequest(http.MethodPost, apiURL, stream(want))
		if resp, err := tr.RoundTrip(req); err != nil || readAll(t, resp) != want {
			t.Errorf("limit %d: got %d bytes, %v, want %d", limit, len(api.bodies[0]), err, len(want))
		}
	}
}

// A body whose ContentLength exceeds MaxReplayBytes is passed on unread.
func TestBodyAnnouncedAsLongerIsNotRecorded(t *testing.T) {
	sent := false
	tr := &bearer.Transport{Source: new(mint), MaxReplayBytes: 10, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		sent = true
		return answer(req, http.StatusOK, ""), nil
	})}
	req, _ := http.NewRequest(http.MethodPost, apiURL, failingReader{})
	req.ContentLength = 11
	if _, err := tr.RoundTrip(req); err != nil || !sent {
		t.Errorf("got %v, want Base to be given the body unread", err)
	}
}

// Base can rewind a recorded body: net/http retries a request when an idle
// connection turns out to be closed.
func TestRecordedBodyHasGetBody(t *testing.T) {
	tr := &bearer.Transport{Source: new(mint), MaxReplayBytes: 10, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		_ = answer(req, 0, "") // the connection was closed after the body was read
		again, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		body, _ := io.ReadAll(again)
		return answer(req, http.StatusOK, string(body)), nil
	})}
	req, _ := http.NewRequest(http.MethodPost, apiURL, stream("0123456789"))
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := readAll(t, resp), "0123456789"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// G4: a replay over TCP reuses the connection, and announces the same length.
func TestG4ReplayOnSockets(t *testing.T) {
	var mu sync.Mutex
	var got []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		got = append(got, fmt.Sprint(r.Header.Get("Authorization"), " ", r.ContentLength, " ", string(body)))
		mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer token-2" {
			http.Error(w, "rejected", http.StatusUnauthorized)
		}
	}))
	defer api.Close()
	var reused []bool
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = append(reused, i.Reused) }})
	for _, c := range []struct {
		body io.Reader
		want []string
	}{
		{strings.NewReader("payload"), []string{"Bearer token-1 7 payload", "Bearer token-2 7 payload"}},
		{stream("payload"), []string{"Bearer token-1 -1 payload", "Bearer token-2 -1 payload"}},
	} {
		got, reused = nil, nil
		base := new(http.Transport)
		client := &http.Client{Transport: &bearer.Transport{Source: new(mint), Base: base, MaxReplayBytes: 100}}
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, api.URL, c.body)
		resp, err := client.Do(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("got %v, %v, want 200", resp, err)
		}
		resp.Body.Close()
		if !slices.Equal(got, c.want) {
			t.Errorf("the API got %q, want %q", got, c.want)
		}
		if want := []bool{false, true}; !slices.Equal(reused, want) {
			t.Errorf("connections reused: got %v, want %v", reused, want)
		}
		base.CloseIdleConnections()
	}
}

// G4: if the renewal fails, the first response is returned unread.
func TestG4FailedRefreshGivesTheResponseBack(t *testing.T) {
	source := new(mint)
	api := new(picky)
	client := &http.Client{Transport: &bearer.Transport{Base: api, Source: &bearer.Cache{RetryFor: -1, Source: bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) {
		if source.calls.Load() > 0 {
			return nil, errors.New("token endpoint is down")
		}
		return source.Token(ctx)
	})}}}
	resp, err := client.Get(apiURL)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || readAll(t, resp) != "rejected" {
		t.Errorf("got %v, %v, want the first 401, unread", resp, err)
	}
	if got := len(api.bodies); got != 1 {
		t.Errorf("the API got %d requests, want 1", got)
	}
}

// G4, G8: a caller whose context ends during the renewal gets the first
// response.
func TestG4ContextEndsDuringTheRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &mint{takes: 10 * time.Second}
		cache := &bearer.Cache{Source: source}
		if err := cache.Set(t.Context(), &bearer.Token{AccessToken: "old"}); err != nil {
			t.Fatal(err)
		}
		api := new(picky)
		tr := &bearer.Transport{Source: cache, Base: api}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, apiURL, nil)
		start := time.Now()
		resp, err := tr.RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusUnauthorized || readAll(t, resp) != "rejected" {
			t.Errorf("got %v, %v, want the first 401, unread", resp, err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("it took %v, want 1s", got)
		}
		time.Sleep(10 * time.Second)
		if tok, err := cache.Token(t.Context()); err != nil || tok.AccessToken != "token-1" {
			t.Errorf("afterwards: got error %v, want the token that was being fetched", err)
		}
	})
}

// G4: the rejection is closed before the request is replayed, so that no
// connection leaks.
func TestG4RejectedResponseIsClosed(t *testing.T) {
	first := &closeCounter{Reader: strings.NewReader("rejected")}
	sent := 0
	tr := &bearer.Transport{Source: new(mint), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		if sent++; sent == 1 {
			resp := answer(req, http.StatusUnauthorized, "")
			resp.Body, resp.ContentLength = first, -1
			return resp, nil
		}
		if got := first.closed.Load(); got != 1 {
			t.Errorf("the first response was closed %d times before the replay, want 1", got)
		}
		return nil, io.ErrUnexpectedEOF
	})}
	req, _ := http.NewRequest(http.MethodGet, apiURL, nil)
	if _, err := tr.RoundTrip(req); err != io.ErrUnexpectedEOF {
		t.Errorf("got %v, want the replay's error", err)
	}
}

// Rejected decides which responses reject the token: ECR sends 400, others 403.
func TestRejectedDecides(t *testing.T) {
	for status, wantSent := range map[int]int{400: 2, 401: 1, 403: 2, 500: 1} {
		api := &picky{accepts: "token-2", status: status}
		client := &http.Client{Transport: &bearer.Transport{Source: new(mint), Base: api, Rejected: func(resp *http.Response) bool {
			return resp.StatusCode == 400 || resp.StatusCode == 403
		}}}
		resp, err := client.Get(apiURL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := len(api.bodies); got != wantSent {
			t.Errorf("status %d: the API got %d requests, want %d", status, got, wantSent)
		}
	}
}

// By default only a 401 rejects the token.
func TestOtherAnswersAreNotReplayed(t *testing.T) {
	for _, status := range []int{200, 204, 400, 403, 407, 429, 500, 503} {
		source, api := new(mint), &picky{status: status}
		resp, err := (&http.Client{Transport: &bearer.Transport{Source: source, Base: api}}).Get(apiURL)
		if err != nil || resp.StatusCode != status || len(api.bodies) != 1 || source.calls.Load() != 1 {
			t.Errorf("%d: got %v, %v after %d requests, want it after 1", status, resp, err, len(api.bodies))
		}
	}
}

// A 401 whose challenge says that a new token would not help costs no refresh.
func TestHopelessChallengesCostNothing(t *testing.T) {
	for _, challenge := range []string{`Bearer error="insufficient_scope", scope="admin"`, `Bearer realm="a, b", error=invalid_request`} {
		source := new(mint)
		client := &http.Client{Transport: &bearer.Transport{Source: source, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			resp := answer(req, http.StatusUnauthorized, "")
			resp.Header.Set("WWW-Authenticate", challenge)
			return resp, nil
		})}}
		if resp, err := client.Get(apiURL); err != nil || resp.StatusCode != http.StatusUnauthorized || source.calls.Load() != 1 {
			t.Errorf("%s: got %v, %v after %d token requests, want 401 after 1", challenge, resp, err, source.calls.Load())
		}
	}
}

// A 401 whose challenges are all for schemes other than Bearer and DPoP may be
// the token's fault: it is renewed.
func TestForeignChallengesAreRenewed(t *testing.T) {
	for _, challenge := range []string{`Basic realm="x"`, `Negotiate`, `OAuth realm='api', error='invalid_token'`, `Token`, `Basic realm="x", Digest nonce="insufficient_scope"`} {
		source := new(mint)
		client := &http.Client{Transport: &bearer.Transport{Source: source, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			if newToken(req) {
				return answer(req, http.StatusOK, ""), nil
			}
			resp := answer(req, http.StatusUnauthorized, "")
			resp.Header.Set("WWW-Authenticate", challenge)
			return resp, nil
		})}}
		if resp, err := client.Get(apiURL); err != nil || resp.StatusCode != http.StatusOK || source.calls.Load() != 2 {
			t.Errorf("%s: got %v, %v after %d token requests, want 200 after 2", challenge, resp, err, source.calls.Load())
		}
	}
}

// G4: a request that cannot be replayed gets its rejection at once. The token
// is renewed in the background, for the requests that follow.
func TestG4UnreplayableRejectionDoesNotWait(t *testing.T) {
	for name, c := range map[string]struct {
		limit  int64 // MaxReplayBytes
		body   io.Reader
		length int64 // of the rejection
	}{
		"a stream":                {0, stream("body"), 8},
		"a stream over the limit": {10, stream("a longer body"), 8},
		"a long rejection":        {0, strings.NewReader("body"), 1 << 20},
	} {
		synctest.Test(t, func(t *testing.T) {
			source := &mint{takes: 10 * time.Second}
			cache := &bearer.Cache{Source: source}
			if err := cache.Set(t.Context(), &bearer.Token{AccessToken: "old"}); err != nil {
				t.Fatal(err)
			}
			tr := &bearer.Transport{Source: cache, MaxReplayBytes: c.limit, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
				if req.Header.Get("Authorization") == "Bearer token-1" {
					return answer(req, http.StatusOK, ""), nil
				}
				resp := answer(req, http.StatusUnauthorized, "rejected")
				resp.ContentLength = c.length
				return resp, nil
			})}
			start := time.Now()
			ctx, cancel := context.WithCancel(t.Context())
			req, _ := http.NewRequestWithContext(ctx, http.MethodPost, apiURL, c.body)
			resp, err := tr.RoundTrip(req)
			if err != nil || resp.StatusCode != http.StatusUnauthorized || readAll(t, resp) != "rejected" {
				t.Errorf("%s: got %v, %v, want the 401, whole", name, resp, err)
			}
			cancel() // the renewal must not end with the request
			if took := time.Since(start); took != 0 {
				t.Errorf("%s: it took %v, want no delay", name, took)
			}
			time.Sleep(mostJitter)
			synctest.Wait()
			if got := source.calls.Load(); got != 1 {
				t.Errorf("%s: %d token requests are under way, want 1", name, got)
			}
			time.Sleep(10 * time.Second)
			synctest.Wait()
			req, _ = http.NewRequestWithContext(t.Context(), http.MethodGet, apiURL, nil)
			if resp, err := tr.RoundTrip(req); err != nil || resp.StatusCode != http.StatusOK || source.calls.Load() != 1 {
				t.Errorf("%s: the next request: got %v, %v after %d token requests, want 200 after 1", name, resp, err, source.calls.Load())
			}
		})
	}
}

// A rejection that is returned because the renewal failed is reported to the
// hook and the log, with the reason and the host, even if the program made no
// Cache.
func TestRenewalFailedSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, log := new(diary), new(logBook)
		tr := &bearer.Transport{
			Source: &bearer.Cache{Source: oneToken(), Key: "k", Hooks: d.hooks(), Logger: log.logger()},
			Base:   &picky{},
		}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.test:8443/", nil)
		if resp, err := tr.RoundTrip(req); err != nil || resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("got %v, %v, want the 401", resp, err)
		}
		synctest.Wait()
		i := slices.Index(d.take(), "RenewalFailed Key Host Status Err")
		if i < 0 {
			t.Fatal("RenewalFailed was not called with Key, Host, Status and Err")
		}
		e := d.full[i]
		if te, ok := e.Err.(*bearer.TokenError); !ok || !errors.Is(te, errDown) || e.Host != "api.test:8443" || e.Status != http.StatusUnauthorized {
			t.Errorf("got %+v, want the *TokenError, host and status", e)
		}
		const want = `level=WARN msg="bearer: token not renewed" key=k host=api.test:8443 status=401 err=`
		if got := log.warnings(); !strings.Contains(got, want) || !strings.Contains(got[strings.Index(got, want):], errDown.Error()) {
			t.Errorf("got\n%s\nwant a line with\n%s", got, want)
		}

		log = new(logBook)
		tr = &bearer.Transport{Source: oneToken(), Base: &picky{}, Logger: log.logger()}
		if resp, err := tr.RoundTrip(req); err != nil || resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("got %v, %v, want the 401", resp, err)
		}
		synctest.Wait()
		for _, want := range []string{
			`level=WARN msg="bearer: refresh failed"`,
			`level=WARN msg="bearer: token not renewed" host=api.test:8443 status=401 err=`,
		} {
			if got := log.warnings(); !strings.Contains(got, want) {
				t.Errorf("without a Cache: got\n%s\nwant a line with\n%s", got, want)
			}
		}
	})
}

// logBook is the text that a Logger has written, without the time.
type logBook struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

func (l *logBook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

func (l *logBook) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

// warnings are the lines of level WARN.
func (l *logBook) warnings() string {
	var out strings.Builder
	for line := range strings.Lines(l.text()) {
		if strings.Contains(line, "level=WARN") {
			out.WriteString(line)
		}
	}
	return out.String()
}

// If a Source caches, and so returns the rejected token as the new one, the
// request is not replayed.
func TestSameTokenIsNotReplayed(t *testing.T) {
	cached := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "cached"})
	api := new(picky)
	client := &http.Client{Transport: &bearer.Transport{Source: bearer.FromOAuth2(cached), Base: api}}
	resp, err := client.Get(apiURL)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || readAll(t, resp) != "rejected" {
		t.Errorf("got %v, %v, want the 401, unread", resp, err)
	}
	if got := len(api.bodies); got != 1 {
		t.Errorf("the API got %d requests, want 1", got)
	}
}

// G3, G4: a redirect after a replay does not take the new token to another
// origin either.
func TestReplayThenRedirect(t *testing.T) {
	var got []string
	client := &http.Client{Transport: &bearer.Transport{Source: new(mint), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		got = append(got, req.Header.Get("Authorization"))
		resp := answer(req, http.StatusTemporaryRedirect, "")
		resp.Header.Set("Location", "https://other.test/")
		switch {
		case req.URL.Host == "other.test":
			resp.StatusCode = http.StatusOK
		case req.Header.Get("Authorization") != "Bearer token-2":
			resp.StatusCode = http.StatusUnauthorized
		}
		return resp, nil
	})}}
	if _, err := client.Post(apiURL, "text/plain", strings.NewReader("body")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"Bearer token-1", "Bearer token-2", ""}; !slices.Equal(got, want) {
		t.Errorf("the hops were sent %q, want %q", got, want)
	}
}

// A request without a body may be reused, by several goroutines at once.
func TestRequestsAreNotHeldOnTo(t *testing.T) {
	tr := &bearer.Transport{Source: new(mint), Base: &picky{accepts: "token-2"}}
	req, _ := http.NewRequest(http.MethodGet, apiURL, nil)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if resp, err := tr.RoundTrip(req); err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("got %v, %v, want 200", resp, err)
			}
		})
	}
	wg.Wait()
}

// G12: a request that cannot be replayed does not tell whether its host accepts
// the new token. So each later revocation is acted on as the first one: only
// the request that meets it is rejected, and those that follow wait.
func TestG12RevocationsThatOnlyStreamsMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &mint{takes: 2 * time.Second}
		good := "Bearer token-1"
		tr := &bearer.Transport{Source: source, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Header.Get("Authorization") == good {
				return answer(req, http.StatusOK, ""), nil
			}
			return answer(req, http.StatusUnauthorized, ""), nil
		})}
		upload := func() int {
			resp, err := tr.RoundTrip(post(t.Context(), stream("body")))
			if err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode
		}
		if got := upload(); got != http.StatusOK {
			t.Fatalf("got %d, want 200", got)
		}
		for n := range 4 {
			time.Sleep(time.Hour)
			good = fmt.Sprintf("Bearer token-%d", n+2)
			if got := upload(); got != http.StatusUnauthorized {
				t.Fatalf("revocation %d: got %d, want 401", n+1, got)
			}
			time.Sleep(100 * time.Millisecond)
			if got := upload(); got != http.StatusOK {
				t.Errorf("revocation %d: an upload during the renewal got %d, want 200", n+1, got)
			}
		}
	})
}

// G12: an API that rejects every token does not cost a renewal per stream.
func TestG12StreamsThatAreAlwaysRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := new(mint)
		tr := &bearer.Transport{Source: source, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			return answer(req, http.StatusUnauthorized, ""), nil
		})}
		for range 600 {
			if _, err := tr.RoundTrip(post(t.Context(), stream("body"))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if got := source.calls.Load(); got < 3 || got > 10 {
			t.Errorf("got %d token requests in a minute, want 3 to 10", got)
		}
	})
}

// stalled is the body of a response that begins with text and does not end
// before ctx does.
func stalled(ctx context.Context, text string) io.ReadCloser {
	r, w := io.Pipe()
	go func() { _, _ = io.WriteString(w, text) }()
	context.AfterFunc(ctx, func() { w.CloseWithError(io.ErrUnexpectedEOF) })
	return r
}

// G4: a rejection that does not end keeps no request waiting. One with a body
// gets its rejection back, and what follows can be read from it; one without is
// replayed.
func TestG4RejectionThatDoesNotEnd(t *testing.T) {
	for name, c := range map[string]struct {
		body io.Reader
		want int
	}{
		"no body": {nil, http.StatusOK},
		"a body":  {strings.NewReader("body"), http.StatusUnauthorized},
	} {
		synctest.Test(t, func(t *testing.T) {
			source := new(mint)
			tr := &bearer.Transport{Source: source, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
				resp := answer(req, http.StatusOK, "accepted")
				if !newToken(req) {
					resp.StatusCode, resp.ContentLength = http.StatusUnauthorized, -1
					resp.Body = stalled(req.Context(), "rejected")
				}
				return resp, nil
			})}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			resp, err := tr.RoundTrip(post(ctx, c.body))
			if err != nil || resp.StatusCode != c.want {
				t.Fatalf("%s: got %v, %v, want %d", name, resp, err, c.want)
			}
			if took := time.Since(start); took > time.Second+mostJitter {
				t.Errorf("%s: it took %v, want about 1 s", name, took)
			}
			got, err := io.ReadAll(resp.Body)
			if c.want == http.StatusUnauthorized && (string(got) != "rejected" || err != io.ErrUnexpectedEOF) {
				t.Errorf("%s: got %q, %v, want the rejection with its own error", name, got, err)
			}
			resp.Body.Close()
			synctest.Wait()
			if got := source.calls.Load(); got != 2 {
				t.Errorf("%s: got %d token requests, want 2", name, got)
			}
		})
	}
}

// G4: a long rejection of unknown length does not wait for the renewal, as its
// request will not be replayed.
func TestG4LongRejectionDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := strings.Repeat("x", 100<<10)
		source := &mint{takes: 10 * time.Second}
		cache := &bearer.Cache{Source: source}
		if err := cache.Set(t.Context(), &bearer.Token{AccessToken: "old"}); err != nil {
			t.Fatal(err)
		}
		tr := &bearer.Transport{Source: cache, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			resp := answer(req, http.StatusUnauthorized, text)
			resp.ContentLength = -1
			return resp, nil
		})}
		start := time.Now()
		resp, err := tr.RoundTrip(post(t.Context(), strings.NewReader("body")))
		if err != nil || resp.StatusCode != http.StatusUnauthorized || readAll(t, resp) != text {
			t.Errorf("got %v, %v, want the 401, whole", resp, err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v, want no delay", took)
		}
		time.Sleep(time.Minute)
		if got := source.calls.Load(); got != 1 {
			t.Errorf("got %d token requests, want 1", got)
		}
	})
}

// G4: a rejection does not hold the connection that the token request needs.
func TestG4RejectionFreesItsConnection(t *testing.T) {
	var tokens atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/token":
			fmt.Fprintf(w, "token-%d", tokens.Add(1))
		case !newToken(r):
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "rejected")
		}
	}))
	defer srv.Close()
	base := &http.Transport{MaxConnsPerHost: 1}
	defer base.CloseIdleConnections()
	tr := &bearer.Transport{Base: base, Source: bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/token", nil)
		if err != nil {
			return nil, err
		}
		resp, err := base.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		access, err := io.ReadAll(resp.Body)
		return &bearer.Token{AccessToken: string(access)}, err
	})}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/api", nil)
	resp, err := tr.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("got %v, %v, want 200", resp, err)
	}
	resp.Body.Close()
}
