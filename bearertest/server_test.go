package bearertest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// everywhere runs a scenario over TCP, over TLS and in memory in a bubble.
func everywhere(t *testing.T, cfg Config, scenario func(t *testing.T, s *Server)) {
	t.Helper()
	t.Run("tcp", func(t *testing.T) { scenario(t, Start(t, cfg)) })
	t.Run("tls", func(t *testing.T) {
		cfg := cfg
		cfg.TLS = true
		scenario(t, Start(t, cfg))
	})
	t.Run("memory", func(t *testing.T) { inMemory(t, cfg, scenario) })
}

// inMemory runs a scenario in memory in a bubble, where time costs nothing.
func inMemory(t *testing.T, cfg Config, scenario func(t *testing.T, s *Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg := cfg
		cfg.Network = new(Network)
		scenario(t, Start(t, cfg))
	})
}

// reply is an answer that has been read.
type reply struct {
	status int
	header http.Header
	body   string
}

// member is a member of a JSON answer, nil if there is none.
func (r reply) member(t *testing.T, name string) any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(r.body), &m); err != nil {
		t.Fatalf("no JSON object: %v in %q", err, r.body)
	}
	return m[name]
}

func (r reply) text(t *testing.T, name string) string {
	t.Helper()
	v, _ := r.member(t, name).(string)
	return v
}

func do(s *Server, req *http.Request) (reply, error) {
	c := s.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(b)}, err
}

func mustDo(t *testing.T, s *Server, req *http.Request) reply {
	t.Helper()
	r, err := do(s, req)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// form is a form-encoded POST; pairs are its parameters.
func form(t *testing.T, s *Server, e Endpoint, pairs ...string) *http.Request {
	t.Helper()
	v := make(url.Values)
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.Endpoint(e), strings.NewReader(v.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

// asClient is form with the default client's credentials.
func asClient(t *testing.T, s *Server, e Endpoint, pairs ...string) *http.Request {
	t.Helper()
	req := form(t, s, e, pairs...)
	req.SetBasicAuth("client", "secret")
	return req
}

func tokenRequest(t *testing.T, s *Server) *http.Request {
	return asClient(t, s, TokenEndpoint, "grant_type", "client_credentials")
}

func fetch(t *testing.T, s *Server) string {
	t.Helper()
	r := mustDo(t, s, tokenRequest(t, s))
	token := r.text(t, "access_token")
	if r.status != 200 || token == "" {
		t.Fatalf("no token: %d %s", r.status, r.body)
	}
	return token
}

func call(t *testing.T, s *Server, token string) reply {
	t.Helper()
	return mustDo(t, s, apiRequest(t, s, token, ""))
}

func apiRequest(t *testing.T, s *Server, token, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "PUT", s.Endpoint(APIEndpoint)+"things", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req
}

func wantStatus(t *testing.T, r reply, want int) {
	t.Helper()
	if r.status != want {
		t.Fatalf("got status %d with %q, want %d", r.status, r.body, want)
	}
}

func TestAPIAcceptsATokenAndEchoesTheRequest(t *testing.T) {
	everywhere(t, Config{}, func(t *testing.T, s *Server) {
		r := mustDo(t, s, apiRequest(t, s, fetch(t, s), "hello"))
		wantStatus(t, r, 200)
		var e Echo
		if err := json.Unmarshal([]byte(r.body), &e); err != nil {
			t.Fatal(err)
		}
		if e.Method != "PUT" || e.Path != "/api/things" || e.Length != 5 || string(e.Body) != "hello" || e.ClientID != "client" {
			t.Errorf("got echo %+v", e)
		}
		if c := s.Counts(); c.Accepted != 1 || c.Rejected != 0 || c.TokenRequests() != 1 || c.Issued != 1 ||
			c.Grants["client_credentials"] != (GrantCount{1, 1}) || c.Requests[APIEndpoint] != 1 {
			t.Errorf("got counts %+v", c)
		}
	})
}

func TestAPICountsABodyOfAnyLength(t *testing.T) {
	everywhere(t, Config{}, func(t *testing.T, s *Server) {
		r := mustDo(t, s, apiRequest(t, s, fetch(t, s), strings.Repeat("x", 3<<20)))
		if got := r.member(t, "length"); got != float64(3<<20) {
			t.Errorf("got length %v, want 3 MiB", got)
		}
	})
}

func TestAPIChallenges(t *testing.T) {
	everywhere(t, Config{}, func(t *testing.T, s *Server) {
		r := call(t, s, "")
		wantStatus(t, r, 401)
		if got := r.header.Get("WWW-Authenticate"); got != `Bearer realm="bearertest"` {
			t.Errorf("without a token: got challenge %q, want no error in it", got)
		}
		r = call(t, s, "nonsense")
		wantStatus(t, r, 401)
		if got := r.header.Get("WWW-Authenticate"); !strings.Contains(got, `error="invalid_token"`) {
			t.Errorf("with a bad token: got challenge %q, want invalid_token", got)
		}
		s.Update(func(c *Config) { c.RejectStatus, c.Challenge = 403, "-" })
		r = call(t, s, "nonsense")
		wantStatus(t, r, 403)
		if got := r.header.Values("WWW-Authenticate"); got != nil {
			t.Errorf("got challenge %q, want none", got)
		}
		if got := s.Counts().Rejected; got != 3 {
			t.Errorf("got %d rejected, want 3", got)
		}
	})
}

func TestTokensExpire(t *testing.T) {
	inMemory(t, Config{TokenLifetime: time.Minute}, func(t *testing.T, s *Server) {
		token := fetch(t, s)
		time.Sleep(time.Minute - time.Nanosecond)
		wantStatus(t, call(t, s, token), 200)
		time.Sleep(time.Nanosecond)
		wantStatus(t, call(t, s, token), 401)
	})
}

func TestALifetimeWithoutEnd(t *testing.T) {
	inMemory(t, Config{TokenLifetime: -1}, func(t *testing.T, s *Server) {
		r := mustDo(t, s, tokenRequest(t, s))
		if v := r.member(t, "expires_in"); v != nil {
			t.Errorf("got expires_in %v, want none", v)
		}
		time.Sleep(1000 * time.Hour)
		wantStatus(t, call(t, s, r.text(t, "access_token")), 200)
	})
}

func TestALifetimeInWholeSeconds(t *testing.T) {
	for lifetime, want := range map[time.Duration]float64{
		time.Millisecond: 1, 1999 * time.Millisecond: 1, 2 * time.Second: 2, 0: 3600,
	} {
		inMemory(t, Config{TokenLifetime: lifetime}, func(t *testing.T, s *Server) {
			if got := mustDo(t, s, tokenRequest(t, s)).member(t, "expires_in"); got != want {
				t.Errorf("lifetime %v: got expires_in %v, want %v", lifetime, got, want)
			}
		})
	}
}

func TestRevokeOneAndAll(t *testing.T) {
	everywhere(t, Config{}, func(t *testing.T, s *Server) {
		a, b := fetch(t, s), fetch(t, s)
		if !s.Revoke(a) || s.Revoke(a) {
			t.Error("Revoke must report true once")
		}
		wantStatus(t, call(t, s, a), 401)
		wantStatus(t, call(t, s, b), 200)
		s.RevokeAll()
		wantStatus(t, call(t, s, b), 401)
		wantStatus(t, call(t, s, fetch(t, s)), 200)
	})
}

func TestRevokeAccessTokensKeepsRefreshTokens(t *testing.T) {
	everywhere(t, Config{}, func(t *testing.T, s *Server) {
		access, refresh := s.Issue("client", "")
		s.RevokeAccessTokens()
		wantStatus(t, call(t, s, access), 401)
		wantStatus(t, mustDo(t, s, asClient(t, s, TokenEndpoint, "grant_type", "refresh_token", "refresh_token", refresh)), 200)
	})
}

func TestDelayIsVirtualInABubble(t *testing.T) {
	cfg := Config{Delay: map[Endpoint]time.Duration{TokenEndpoint: 150 * time.Millisecond, APIEndpoint: time.Hour}}
	inMemory(t, cfg, func(t *testing.T, s *Server) {
		start := time.Now()
		token := fetch(t, s)
		if got := time.Since(start); got != 150*time.Millisecond {
			t.Errorf("token endpoint took %v, want 150ms", got)
		}
		start = time.Now()
		wantStatus(t, call(t, s, token), 401) // an hour later it has expired
		if got := time.Since(start); got != time.Hour {
			t.Errorf("API took %v, want 1h", got)
		}
		s.Update(func(c *Config) { c.Delay = nil })
		start = time.Now()
		fetch(t, s)
		if got := time.Since(start); got != 0 {
			t.Errorf("token endpoint took %v, want 0", got)
		}
	})
}

// Delayed requests wait concurrently: no lock is held meanwhile.
func TestDelaysRunSideBySide(t *testing.T) {
	inMemory(t, Config{Delay: map[Endpoint]time.Duration{APIEndpoint: time.Second}}, func(t *testing.T, s *Server) {
		token := fetch(t, s)
		start := time.Now()
		var wg sync.WaitGroup
		for range 256 {
			wg.Go(func() { succeed(t, s, token) })
		}
		wg.Wait()
		if got := time.Since(start); got != time.Second {
			t.Errorf("256 requests of 1s took %v, want 1s", got)
		}
		if got := s.Counts().Accepted; got != 256 {
			t.Errorf("got %d accepted, want 256", got)
		}
	})
}

// succeed calls the API from a goroutine, which must not end the test.
func succeed(t *testing.T, s *Server, token string) {
	r, err := do(s, apiRequest(t, s, token, ""))
	if err != nil || r.status != 200 {
		t.Errorf("got %d, %v, want 200", r.status, err)
	}
}

func TestCloseEndsWhoWaits(t *testing.T) {
	cfg := Config{Delay: map[Endpoint]time.Duration{TokenEndpoint: time.Hour}}
	everywhere(t, cfg, func(t *testing.T, s *Server) {
		failed := make(chan error)
		req := tokenRequest(t, s)
		go func() {
			_, err := do(s, req)
			failed <- err
		}()
		for s.Counts().TokenRequests() == 0 {
			time.Sleep(time.Millisecond)
		}
		s.Close()
		s.Close() // again is harmless
		if err := <-failed; err == nil {
			t.Error("got an answer of a closed server, want an error")
		}
	})
}

func TestUpdateRotatesASecret(t *testing.T) {
	everywhere(t, Config{Clients: []Client{{ID: "client", Secret: "old"}}}, func(t *testing.T, s *Server) {
		wantStatus(t, mustDo(t, s, tokenRequest(t, s)), 401)
		s.Update(func(c *Config) { c.Clients[0].Secret = "secret" })
		wantStatus(t, mustDo(t, s, tokenRequest(t, s)), 200)
	})
}

func TestRoutesOfAProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := new(Network)
		s := Start(t, Config{
			Network:      n,
			DefaultGrant: "client_credentials",
			Routes:       map[string]Endpoint{"POST api.matter.test/auth/v1/token": TokenEndpoint, "api.matter.test/v1/": APIEndpoint},
		})
		n.Handle("api.matter.test", s)
		req, _ := http.NewRequestWithContext(t.Context(), "POST", "https://api.matter.test/auth/v1/token", nil)
		req.SetBasicAuth("client", "secret")
		r := mustDo(t, s, req)
		wantStatus(t, r, 200)
		req, _ = http.NewRequestWithContext(t.Context(), "GET", "https://api.matter.test/v1/x", nil)
		req.Header.Set("Authorization", "Bearer "+r.text(t, "access_token"))
		wantStatus(t, mustDo(t, s, req), 200)
		if got := s.Counts().Grants["client_credentials"]; got != (GrantCount{1, 1}) {
			t.Errorf("got %+v, want one request and one token", got)
		}
	})
}

func TestBadConfigIsAnError(t *testing.T) {
	n := new(Network)
	if _, err := NewServer(Config{Network: n}); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]Config{
		"host taken":       {Network: n},
		"bad pattern":      {Routes: map[string]Endpoint{"{": TokenEndpoint}},
		"unknown endpoint": {Routes: map[string]Endpoint{"/x": "/y"}},
		"pattern conflict": {Routes: map[string]Endpoint{"/token": TokenEndpoint}},
	} {
		if s, err := NewServer(cfg); err == nil {
			s.Close()
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestRequestsAreNoted(t *testing.T) {
	everywhere(t, Config{}, func(t *testing.T, s *Server) {
		token := fetch(t, s)
		call(t, s, token)
		got := s.Requests("")
		if len(got) != 2 || got[0].Form.Get("grant_type") != "client_credentials" || got[0].Method != "POST" {
			t.Fatalf("got %+v", got)
		}
		if got := s.Requests(APIEndpoint); len(got) != 1 || got[0].Authorization() != "Bearer "+token || got[0].Path != "/api/things" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestOnlyTheNewestRequestsAreKept(t *testing.T) {
	var l log
	for i := range 3*keep + 1 {
		l.add(Request{Path: string(rune(i))})
	}
	got := l.newest()
	if len(got) != keep || got[keep-1].Path != string(rune(3*keep)) || got[0].Path != string(rune(2*keep+1)) {
		t.Errorf("got %d requests, want the newest %d", len(got), keep)
	}
	if len(l.entries) > 2*keep {
		t.Errorf("the log grew to %d", len(l.entries))
	}
}

func TestRecorderNotesWhatLeaks(t *testing.T) {
	leak := func(t *testing.T, s *Server, rec *Recorder, to string) {
		s.Fault(APIEndpoint, Fault{Redirect: to})
		req := apiRequest(t, s, fetch(t, s), "x")
		resp, err := s.Client().Do(req) // a new http.Client strips the header on its own
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := rec.Authorizations(); len(got) != 0 {
			t.Errorf("got %q leaked by net/http, want nothing", got)
		}
		req, _ = http.NewRequestWithContext(t.Context(), "GET", to, nil)
		req.Header.Set("Authorization", "Bearer leaked")
		mustDo(t, s, req)
		if got := rec.Authorizations(); len(got) != 1 || got[0] != "Bearer leaked" {
			t.Errorf("got %q, want the one that was sent", got)
		}
		if got := rec.Requests(); len(got) != 2 || got[0].Method != "PUT" {
			t.Errorf("got %+v, want two requests, the first one a PUT", got)
		}
	}
	t.Run("tcp", func(t *testing.T) {
		rec := new(Recorder)
		ts := httptest.NewServer(rec)
		defer ts.Close()
		leak(t, Start(t, Config{}), rec, strings.Replace(ts.URL, "127.0.0.1", "localhost", 1))
	})
	inMemory(t, Config{}, func(t *testing.T, s *Server) {
		rec := new(Recorder)
		s.Transport().(*Network).Handle("other.test", rec)
		leak(t, s, rec, "https://other.test/")
	})
}

func TestAnAnswerIsNotCached(t *testing.T) {
	everywhere(t, Config{}, func(t *testing.T, s *Server) {
		if got := mustDo(t, s, tokenRequest(t, s)).header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("got Cache-Control %q, want no-store", got)
		}
	})
}

func TestAClientThatLeavesGetsItsOwnError(t *testing.T) {
	cfg := Config{Delay: map[Endpoint]time.Duration{TokenEndpoint: time.Hour}}
	everywhere(t, cfg, func(t *testing.T, s *Server) {
		ctx, cancel := context.WithCancel(t.Context())
		req := tokenRequest(t, s).WithContext(ctx)
		failed := make(chan error)
		go func() {
			_, err := do(s, req)
			failed <- err
		}()
		for s.Counts().TokenRequests() == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if got := s.Counts().Issued; got != 0 {
			t.Errorf("got %d tokens issued to a client that has left, want 0", got)
		}
	})
}
