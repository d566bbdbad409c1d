package bearertest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// faulty requests a token over a new connection: net/http resends some
// requests by itself if a used connection fails.
func faulty(t *testing.T, s *Server) (reply, error) {
	t.Helper()
	s.Client().CloseIdleConnections()
	return do(s, tokenRequest(t, s))
}

func TestFaultSpoilsTheAnswer(t *testing.T) {
	for name, row := range map[string]struct {
		fault  Fault
		status int
		check  func(t *testing.T, r reply) bool
		issued int
	}{
		"status": {Fault{Status: 503, Header: http.Header{"Retry-After": {"7"}}}, 503,
			func(t *testing.T, r reply) bool { return r.body == "" && r.header.Get("Retry-After") == "7" }, 0},
		"html": {Fault{Status: 403, Body: "<html>blocked</html>"}, 403,
			func(t *testing.T, r reply) bool {
				return strings.HasPrefix(r.header.Get("Content-Type"), "text/html") && r.body == "<html>blocked</html>"
			}, 0},
		"empty with 200": {Fault{Status: 200}, 200, func(t *testing.T, r reply) bool { return r.body == "" }, 0},
		"redirect": {Fault{Redirect: "https://other.test/x"}, 307,
			func(t *testing.T, r reply) bool { return r.header.Get("Location") == "https://other.test/x" }, 0},
		"redirect 302": {Fault{Redirect: "https://other.test/x", Status: 302}, 302,
			func(t *testing.T, r reply) bool { return r.header.Get("Location") == "https://other.test/x" }, 0},
		"truncated": {Fault{Processed: true, Truncate: true}, 200,
			func(t *testing.T, r reply) bool { return len(r.body) > 10 && !json.Valid([]byte(r.body)) }, 1},
		"lower-case type": {Fault{Members: map[string]any{"token_type": "bearer"}}, 200,
			func(t *testing.T, r reply) bool {
				return r.text(t, "token_type") == "bearer" && r.text(t, "access_token") != ""
			}, 1},
		"lifetime as text":  {Fault{Members: map[string]any{"expires_in": "3600"}}, 200, func(t *testing.T, r reply) bool { return r.member(t, "expires_in") == "3600" }, 1},
		"no lifetime":       {Fault{Members: map[string]any{"expires_in": nil}}, 200, func(t *testing.T, r reply) bool { return r.member(t, "expires_in") == nil }, 1},
		"negative lifetime": {Fault{Members: map[string]any{"expires_in": -1}}, 200, func(t *testing.T, r reply) bool { return r.member(t, "expires_in") == -1.0 }, 1},
		"members, other status": {Fault{Members: map[string]any{"x": 1}, Status: 500}, 500,
			func(t *testing.T, r reply) bool { return r.member(t, "x") == 1.0 }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, Config{}, func(t *testing.T, s *Server) {
				s.Fault(TokenEndpoint, row.fault)
				r, err := faulty(t, s)
				if err != nil {
					t.Fatal(err)
				}
				wantStatus(t, r, row.status)
				if !row.check(t, r) {
					t.Errorf("got %q with %v", r.body, r.header)
				}
				if got := s.Counts(); got.Issued != row.issued || got.Faults != 1 {
					t.Errorf("got %d issued and %d faults, want %d and 1", got.Issued, got.Faults, row.issued)
				}
				fetch(t, s) // one request only
			})
		})
	}
}

// Some servers rename members and add others.
func TestFaultRenamesMembers(t *testing.T) {
	everywhere(t, Config{}, func(t *testing.T, s *Server) {
		s.Fault(TokenEndpoint, Fault{
			Rename:  map[string]string{"access_token": "accessToken", "absent": "present", "token_type": "expires_in", "expires_in": "token_type"},
			Members: map[string]any{"extra": map[string]any{"deep": []int{1}}},
		})
		r, err := faulty(t, s)
		if err != nil {
			t.Fatal(err)
		}
		wantStatus(t, r, 200)
		if r.member(t, "access_token") != nil || r.member(t, "present") != nil || r.member(t, "extra") == nil ||
			r.member(t, "expires_in") != "Bearer" || r.member(t, "token_type") != 3600.0 {
			t.Errorf("got %s, want renamed members, two of them swapped, and an extra one", r.body)
		}
		wantStatus(t, call(t, s, r.text(t, "accessToken")), 200)
	})
}

// RFC 9207 section 2.4: a client must refuse a callback whose iss is wrong or,
// if the server announces it, absent.
func TestFaultChangesTheCallback(t *testing.T) {
	for name, row := range map[string]struct {
		fault Fault
		want  func(q url.Values, s *Server) bool
	}{
		"as it is":   {Fault{Processed: true}, func(q url.Values, s *Server) bool { return q.Get("iss") == s.URL }},
		"iss absent": {Fault{Members: map[string]any{"iss": nil}}, func(q url.Values, s *Server) bool { return !q.Has("iss") }},
		"iss wrong": {Fault{Members: map[string]any{"iss": "https://other.test"}},
			func(q url.Values, s *Server) bool { return q.Get("iss") == "https://other.test" && len(q["iss"]) == 1 }},
		"renamed": {Fault{Rename: map[string]string{"iss": "issuer"}},
			func(q url.Values, s *Server) bool { return !q.Has("iss") && q.Get("issuer") == s.URL }},
		"number": {Fault{Members: map[string]any{"n": 1}}, func(q url.Values, s *Server) bool { return q.Get("n") == "1" }},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, apps, func(t *testing.T, s *Server) {
				s.Fault(AuthorizeEndpoint, row.fault)
				r := authorize(t, s, goodParams())
				q := back(t, r)
				if !row.want(q, s) || q.Get("state") != "s&t" || strings.Contains(r.body, "iss=") {
					t.Errorf("got %v with body %q, want only the fault's change", q, r.body)
				}
				wantStatus(t, redeem(t, s, q.Get("code")), 200)
				if q := back(t, authorize(t, s, goodParams())); q.Get("iss") != s.URL {
					t.Errorf("the next one: got %v, want the server's iss again", q)
				}
			})
		})
	}
	cfg := apps
	cfg.Consent = ConsentDeny
	inMemory(t, cfg, func(t *testing.T, s *Server) {
		s.Fault(AuthorizeEndpoint, Fault{Members: map[string]any{"state": nil}})
		if q := back(t, authorize(t, s, goodParams())); q.Has("state") || q.Get("error") != "access_denied" {
			t.Errorf("got %v, want a denial without state", q)
		}
	})
}

func TestFaultDropsTheConnection(t *testing.T) {
	for name, row := range map[string]struct {
		fault  Fault
		issued int
	}{
		"before processing": {Fault{Drop: true}, 0},
		"answer lost":       {Fault{Drop: true, Processed: true}, 1},
		"amid the answer":   {Fault{Drop: true, Processed: true, Truncate: true}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, Config{}, func(t *testing.T, s *Server) {
				s.Fault(TokenEndpoint, row.fault)
				if r, err := faulty(t, s); err == nil {
					t.Errorf("got %d %q, want an error", r.status, r.body)
				}
				if got := s.Counts().Issued; got != row.issued {
					t.Errorf("got %d tokens issued, want %d", got, row.issued)
				}
				fetch(t, s)
			})
		})
	}
}

func TestFaultEndlessBody(t *testing.T) {
	everywhere(t, Config{}, func(t *testing.T, s *Server) {
		s.Fault(TokenEndpoint, Fault{Endless: true, Body: "{"})
		resp, err := s.Client().Do(tokenRequest(t, s))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if n, err := io.CopyN(io.Discard, resp.Body, 4<<20); err != nil {
			t.Errorf("the body ended after %d bytes: %v", n, err)
		}
	})
}

func TestFaultHitsNRequests(t *testing.T) {
	everywhere(t, Config{}, func(t *testing.T, s *Server) {
		s.Fault(TokenEndpoint, Fault{Times: 2, Status: 500})
		s.Fault(TokenEndpoint, Fault{Status: 502})
		s.Fault(APIEndpoint, Fault{Times: -1, Status: 418})
		for i, want := range []int{500, 500, 502, 200} {
			r, err := faulty(t, s)
			if err != nil || r.status != want {
				t.Errorf("request %d: got %d, %v, want %d", i, r.status, err, want)
			}
		}
		wantStatus(t, call(t, s, ""), 418)
		wantStatus(t, call(t, s, ""), 418)
		s.ClearFaults()
		wantStatus(t, call(t, s, ""), 401)
	})
}

// An outage that is armed begins with the first request that it hits.
func TestFaultForATime(t *testing.T) {
	inMemory(t, Config{Delay: map[Endpoint]time.Duration{TokenEndpoint: 10 * time.Millisecond}}, func(t *testing.T, s *Server) {
		s.Fault(TokenEndpoint, Fault{For: 300 * time.Millisecond, Status: 503})
		time.Sleep(time.Hour) // no effect before the first request
		start := time.Now()
		var got []int
		for range 4 {
			r, err := faulty(t, s)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.status)
			time.Sleep(100 * time.Millisecond)
		}
		if got[0] != 503 || got[1] != 503 || got[2] != 503 || got[3] != 200 {
			t.Errorf("got %v, want 503 three times and then 200", got)
		}
		// Three faults are answered at once; the token takes its 10 ms.
		if took := time.Since(start); took != 410*time.Millisecond {
			t.Errorf("took %v, want 410ms", took)
		}
	})
}

func TestFaultDelays(t *testing.T) {
	inMemory(t, Config{Delay: map[Endpoint]time.Duration{TokenEndpoint: time.Second}}, func(t *testing.T, s *Server) {
		for name, row := range map[string]struct {
			fault Fault
			want  time.Duration
		}{
			"instead of an answer": {Fault{Status: 500, Delay: time.Minute}, time.Minute},
			"at once":              {Fault{Status: 500}, 0},
			"processed":            {Fault{Processed: true}, time.Second},
			"processed, slower":    {Fault{Processed: true, Delay: time.Hour}, time.Hour},
		} {
			s.Fault(TokenEndpoint, row.fault)
			start := time.Now()
			if _, err := faulty(t, s); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(start); got != row.want {
				t.Errorf("%s: took %v, want %v", name, got, row.want)
			}
		}
	})
}

func TestFaultDelayEndsWithTheClient(t *testing.T) {
	inMemory(t, Config{}, func(t *testing.T, s *Server) {
		s.Fault(TokenEndpoint, Fault{Delay: time.Hour, Processed: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := do(s, tokenRequest(t, s).WithContext(ctx)); err == nil {
			t.Error("got an answer, want the deadline's error")
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("took %v, want 1s", got)
		}
		time.Sleep(2 * time.Hour)
		if got := s.Counts().Issued; got != 0 {
			t.Errorf("got %d tokens issued to a client that has left, want 0", got)
		}
	})
}
