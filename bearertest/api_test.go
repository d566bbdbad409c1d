package bearertest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// wantChallenge checks the error of a Bearer challenge, empty for a challenge
// without one.
func wantChallenge(t *testing.T, r reply, status int, code string) {
	t.Helper()
	wantStatus(t, r, status)
	got := r.header.Get("WWW-Authenticate")
	if !strings.HasPrefix(got, "Bearer ") || strings.Contains(got, "error=") != (code != "") || !strings.Contains(got, code) {
		t.Errorf("got challenge %q, want a Bearer one with error %q", got, code)
	}
	if got := r.text(t, "error"); got != code {
		t.Errorf("got error %q in the body, want %q", got, code)
	}
}

// RFC 6750 section 3.1: a valid token that lacks a scope is 403, and the
// challenge says which scopes are needed.
func TestAPIRequiresScopes(t *testing.T) {
	cfg := Config{
		RequiredScope: func(r *http.Request) string {
			if r.Method == http.MethodPut {
				return "read write"
			}
			return ""
		},
		RejectStatus: 418, Challenge: "-", // for invalid tokens only
	}
	everywhere(t, cfg, func(t *testing.T, s *Server) {
		for scope, want := range map[string]int{"": 403, "read": 403, "write": 403, "readwrite": 403, "write x read": 200} {
			token, _ := s.IssueFor(Grantee{ClientID: "client", Scope: scope})
			r := call(t, s, token)
			if want == 200 {
				wantStatus(t, r, 200)
				continue
			}
			wantChallenge(t, r, 403, "insufficient_scope")
			if got := r.header.Get("WWW-Authenticate"); !strings.Contains(got, `scope="read write"`) {
				t.Errorf("scope %q: got challenge %q, want the scopes in it", scope, got)
			}
			req := apiRequest(t, s, token, "")
			req.Method = http.MethodPost // needs no scope
			wantStatus(t, mustDo(t, s, req), 200)
		}
		wantStatus(t, call(t, s, "nonsense"), 418)
		if c := s.Counts(); c.Rejected != 5 || c.Accepted != 5 {
			t.Errorf("got %d rejected and %d accepted, want 5 and 5", c.Rejected, c.Accepted)
		}
	})
}

// RFC 8707 section 2 and RFC 9068 section 4: a token for another resource, or
// for none, is not valid at the API.
func TestAPIRequiresItsAudience(t *testing.T) {
	const api, other = "https://api.test/", "https://other.test/"
	cfg := Config{RequiredAudience: func(*http.Request) string { return api }}
	everywhere(t, cfg, func(t *testing.T, s *Server) {
		for name, row := range map[string]struct {
			pairs []string
			want  bool
		}{
			"resource":      {[]string{"resource", api}, true},
			"audience":      {[]string{"audience", api}, true},
			"one of two":    {[]string{"resource", other, "resource", api}, true},
			"other":         {[]string{"resource", other}, false},
			"prefix":        {[]string{"resource", strings.TrimSuffix(api, "/")}, false},
			"none":          {nil, false},
			"without value": {[]string{"resource", ""}, false},
		} {
			r := mustDo(t, s, asClient(t, s, TokenEndpoint, append(row.pairs, "grant_type", "client_credentials")...))
			wantStatus(t, r, 200)
			if r = call(t, s, r.text(t, "access_token")); row.want != (r.status == 200) {
				t.Errorf("%s: got status %d, want accepted %v", name, r.status, row.want)
			}
			if !row.want {
				wantChallenge(t, r, 401, "invalid_token")
			}
		}
	})
}

// The handler serves requests with a valid token and no others.
func TestProtectChecksTheToken(t *testing.T) {
	own := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g, ok := GranteeFrom(r.Context())
		b, _ := io.ReadAll(r.Body)
		r.Header.Set("Authorization", "changed") // does not reach the log
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, r.Method, " ", r.URL.Path, " ", string(b), " ", ok, " ", g.ClientID, " ", g.Subject, " ", g.Scope, " ", g.Audience)
	})
	scenario := func(t *testing.T, s *Server, url string) {
		ask := func(token string) reply {
			req := apiRequest(t, s, token, "body")
			req.URL.Host, req.URL.Path = url, "/mine"
			req.Host = ""
			return mustDo(t, s, req)
		}
		token, _ := s.IssueFor(Grantee{ClientID: "client", Subject: "bob", Scope: "read", Audience: []string{"https://api.test"}})
		r := ask(token)
		wantStatus(t, r, http.StatusTeapot)
		if want := "PUT /mine body true client bob read [https://api.test]"; r.body != want {
			t.Errorf("got %q from the handler, want %q", r.body, want)
		}
		wantChallenge(t, ask(""), 401, "")
		wantChallenge(t, ask("nonsense"), 401, "invalid_token")
		s.Update(func(c *Config) { c.RequiredScope = func(*http.Request) string { return "write" } })
		wantChallenge(t, ask(token), 403, "insufficient_scope")
		s.Update(func(c *Config) { c.RequiredScope = nil })
		s.Revoke(token)
		wantChallenge(t, ask(token), 401, "invalid_token")

		token, _ = s.Issue("client", "")
		s.Fault(APIEndpoint, Fault{Status: 503})
		s.Fault(APIEndpoint, Fault{Processed: true, Header: http.Header{"X": {"y"}}})
		wantStatus(t, ask(token), 503)
		if r := ask(token); r.status != http.StatusTeapot || r.header.Get("X") != "y" {
			t.Errorf("got status %d and X %q, want the handler's answer with the fault's header", r.status, r.header.Get("X"))
		}
		if c := s.Counts(); c.Accepted != 2 || c.Rejected != 4 || c.Faults != 2 || c.Requests[APIEndpoint] != 7 {
			t.Errorf("got counts %+v, want 2 accepted, 4 rejected, 2 faults of 7 requests", c)
		}
		if got := s.Requests(APIEndpoint)[6].Authorization(); got != "Bearer "+token {
			t.Errorf("got Authorization %q in the log, want the token as it was sent", got)
		}
	}
	t.Run("tcp", func(t *testing.T) {
		s := Start(t, Config{})
		ts := httptest.NewServer(s.Protect(own))
		defer ts.Close()
		scenario(t, s, strings.TrimPrefix(ts.URL, "http://"))
	})
	inMemory(t, Config{}, func(t *testing.T, s *Server) {
		s.Transport().(*Network).Handle("own.test", s.Protect(own))
		scenario(t, s, "own.test")
	})
}

// Protect does not buffer or read ahead, so a duplex stream works.
func TestProtectStreams(t *testing.T) {
	inMemory(t, Config{Delay: map[Endpoint]time.Duration{APIEndpoint: time.Second}}, func(t *testing.T, s *Server) {
		s.Transport().(*Network).Handle("own.test", s.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			io.Copy(w, r.Body)
		})))
		token, _ := s.Issue("client", "")
		send := func(token string) (*http.Response, *io.PipeWriter) {
			r, w := io.Pipe()
			req, _ := http.NewRequestWithContext(t.Context(), "POST", "https://own.test/", r)
			req.Header.Set("Authorization", "Bearer "+token)
			start := time.Now()
			resp, err := s.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took != time.Second {
				t.Errorf("got the header after %v, want the endpoint's delay of 1s", took)
			}
			return resp, w
		}
		resp, w := send(token)
		for _, part := range []string{"a", "b"} {
			go w.Write([]byte(part))
			b := make([]byte, 1)
			if _, err := io.ReadFull(resp.Body, b); err != nil || string(b) != part {
				t.Errorf("got %q, %v while the request goes on, want %q", b, err, part)
			}
		}
		w.Close()
		resp.Body.Close()

		resp, w = send("nonsense") // is rejected while its body is still open
		if resp.StatusCode != 401 {
			t.Errorf("got status %d, want 401", resp.StatusCode)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		synctest.Wait()
		if _, err := w.Write([]byte("x")); err == nil {
			t.Error("the body of the rejected request is still read, want it closed")
		}
	})
}

func TestProtectWithoutAHandlerEchoes(t *testing.T) {
	inMemory(t, Config{}, func(t *testing.T, s *Server) {
		s.Transport().(*Network).Handle("own.test", s.Protect(nil))
		req := apiRequest(t, s, fetch(t, s), "body")
		req.URL.Host, req.Host = "own.test", ""
		if got := mustDo(t, s, req).member(t, "length"); got != 4.0 {
			t.Errorf("got length %v, want an Echo of 4 bytes", got)
		}
		if _, ok := GranteeFrom(t.Context()); ok {
			t.Error("got a Grantee of a context without one")
		}
	})
}

// RFC 8707 section 2.2: a refresh may be for part of what was granted, and the
// refresh token stays valid for all of it.
func TestRefreshMayNarrowTheAudience(t *testing.T) {
	inMemory(t, Config{}, func(t *testing.T, s *Server) {
		audience := []string{"https://a.test", "https://b.test"}
		_, refresh := s.IssueFor(Grantee{ClientID: "client", Audience: audience})
		audience[0] = "changed" // by the caller, later
		for _, row := range []struct {
			resource []string
			want     []string // nil: invalid_target
		}{
			{nil, []string{"https://a.test", "https://b.test"}},
			{[]string{"https://b.test"}, []string{"https://b.test"}},
			{[]string{"https://c.test"}, nil},
			{[]string{"https://a.test", "https://c.test"}, nil},
			{[]string{"https://a.test"}, []string{"https://a.test"}},
		} {
			pairs := []string{"grant_type", "refresh_token", "refresh_token", refresh}
			for _, one := range row.resource {
				pairs = append(pairs, "resource", one)
			}
			r := mustDo(t, s, asClient(t, s, TokenEndpoint, pairs...))
			if row.want == nil {
				if got := r.text(t, "error"); got != "invalid_target" {
					t.Errorf("resource %q: got error %q, want invalid_target", row.resource, got)
				}
				continue
			}
			wantStatus(t, r, 200)
			refresh = r.text(t, "refresh_token")
			i := mustDo(t, s, asClient(t, s, IntrospectEndpoint, "token", r.text(t, "access_token")))
			var got []string
			for _, one := range i.member(t, "aud").([]any) {
				got = append(got, one.(string))
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("resource %q: got audience %q, want %q", row.resource, got, row.want)
			}
		}
	})
}

// A token request must stay within what the user consented to. A refused one
// does not spend the code.
func TestACodeIsForItsAudience(t *testing.T) {
	cfg := apps
	cfg.RequiredAudience = func(*http.Request) string { return "https://api.test" }
	inMemory(t, cfg, func(t *testing.T, s *Server) {
		p := goodParams()
		p["resource"] = []string{"https://api.test", "https://other.test"}
		code := back(t, authorize(t, s, p)).Get("code")
		if got := redeem(t, s, code, "resource", "https://evil.test").text(t, "error"); got != "invalid_target" {
			t.Errorf("got error %q, want invalid_target", got)
		}
		r := redeem(t, s, code, "resource", "https://api.test")
		wantStatus(t, r, 200)
		wantStatus(t, call(t, s, r.text(t, "access_token")), 200)
		p.Del("resource")
		r = redeem(t, s, back(t, authorize(t, s, p)).Get("code"))
		wantStatus(t, call(t, s, r.text(t, "access_token")), 401)
	})
}
