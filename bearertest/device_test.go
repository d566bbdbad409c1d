package bearertest

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

var asking = Config{Consent: ConsentAsk, Clients: []Client{{ID: "tv"}}}

func startDevice(t *testing.T, s *Server) reply {
	t.Helper()
	r := mustDo(t, s, form(t, s, DeviceEndpoint, "client_id", "tv", "scope", "watch"))
	wantStatus(t, r, 200)
	return r
}

// poll returns the error, empty for a token.
func poll(t *testing.T, s *Server, started reply) string {
	t.Helper()
	r := mustDo(t, s, form(t, s, TokenEndpoint, "grant_type", deviceGrant, "client_id", "tv", "device_code", started.text(t, "device_code")))
	if r.status == 200 {
		wantStatus(t, call(t, s, r.text(t, "access_token")), 200)
		if r.text(t, "refresh_token") == "" {
			t.Error("got no refresh token")
		}
	}
	return r.text(t, "error")
}

func TestDeviceWaitsForItsUser(t *testing.T) {
	inMemory(t, asking, func(t *testing.T, s *Server) {
		r := startDevice(t, s)
		if r.member(t, "interval") != 5.0 || r.member(t, "expires_in") != 600.0 {
			t.Errorf("got %s", r.body)
		}
		var got []string
		for range 3 {
			got = append(got, poll(t, s, r))
			time.Sleep(5 * time.Second)
		}
		if err := s.Decide(strings.ToLower(r.text(t, "user_code")), true); err != nil {
			t.Fatal(err)
		}
		got = append(got, poll(t, s, r), poll(t, s, r))
		if s := strings.Join(got, " "); s != "authorization_pending authorization_pending authorization_pending  invalid_grant" {
			t.Errorf("got %q, want pending three times, a token, and no second one", s)
		}
		if s.Decide(r.text(t, "user_code"), true) == nil {
			t.Error("Decide twice: got no error")
		}
	})
}

// Each poll that is too early makes the interval 5 s longer.
func TestDeviceSlowsDown(t *testing.T) {
	inMemory(t, asking, func(t *testing.T, s *Server) {
		r := startDevice(t, s)
		for i, step := range []struct {
			after time.Duration
			want  string
		}{
			{0, "authorization_pending"},
			{5*time.Second - 1, "slow_down"}, // now 10 s
			{9 * time.Second, "slow_down"},   // now 15 s
			{15 * time.Second, "authorization_pending"},
		} {
			time.Sleep(step.after)
			if got := poll(t, s, r); got != step.want {
				t.Errorf("poll %d: got %q, want %q", i, got, step.want)
			}
		}
	})
}

func TestDeviceDeniedAndExpired(t *testing.T) {
	inMemory(t, asking, func(t *testing.T, s *Server) {
		r := startDevice(t, s)
		if err := s.Decide(r.text(t, "user_code"), false); err != nil {
			t.Fatal(err)
		}
		if got := poll(t, s, r); got != "access_denied" {
			t.Errorf("got %q, want access_denied", got)
		}
		r = startDevice(t, s)
		time.Sleep(10 * time.Minute)
		if got := poll(t, s, r); got != "expired_token" {
			t.Errorf("got %q, want expired_token", got)
		}
		if s.Decide(r.text(t, "user_code"), true) == nil {
			t.Error("Decide after the end: got no error")
		}
	})
}

func TestDeviceWithoutAsking(t *testing.T) {
	cfg := asking
	for consent, want := range map[Consent]string{ConsentApprove: "", ConsentDeny: "access_denied"} {
		cfg.Consent = consent
		everywhere(t, cfg, func(t *testing.T, s *Server) {
			if got := poll(t, s, startDevice(t, s)); got != want {
				t.Errorf("consent %d: got %q, want %q", consent, got, want)
			}
		})
	}
}

func TestDevicePage(t *testing.T) {
	everywhere(t, asking, func(t *testing.T, s *Server) {
		r := startDevice(t, s)
		req, _ := http.NewRequestWithContext(t.Context(), "GET", r.text(t, "verification_uri_complete"), nil)
		page := mustDo(t, s, req)
		if !strings.Contains(page.body, r.text(t, "user_code")) {
			t.Errorf("the page has no user code: %s", page.body)
		}
		wantStatus(t, mustDo(t, s, form(t, s, devicePage, "user_code", "XXXX-XXXX", "decision", "approve")), 400)
		wantStatus(t, mustDo(t, s, form(t, s, devicePage, "user_code", r.text(t, "user_code"), "decision", "approve")), 200)
		if got := poll(t, s, r); got != "" {
			t.Errorf("got error %q, want a token", got)
		}
	})
}
