package bearertest

import (
	"net/url"
	"strings"
	"testing"
)

var family3 = []string{"ann", "bob", "eve"}

// subject returns whom an access token is for.
func subject(t *testing.T, s *Server, granted reply) string {
	t.Helper()
	wantStatus(t, granted, 200)
	return call(t, s, granted.text(t, "access_token")).text(t, "sub")
}

// The login_hint (OpenID Connect Core section 3.1.2.1) chooses the user where
// no page asks, and their refreshed tokens stay theirs.
func TestEachUserHasATokenOfItsOwn(t *testing.T) {
	cfg := apps
	cfg.Users = family3
	everywhere(t, cfg, func(t *testing.T, s *Server) {
		for hint, want := range map[string]string{"": "ann", "ann": "ann", "bob": "bob", "eve": "eve", "unknown": "ann"} {
			p := goodParams()
			p.Set("login_hint", hint)
			r := redeem(t, s, back(t, authorize(t, s, p)).Get("code"))
			if got := subject(t, s, r); got != want {
				t.Errorf("hint %q: got subject %q, want %q", hint, got, want)
			}
			r = mustDo(t, s, form(t, s, TokenEndpoint, "grant_type", "refresh_token", "client_id", "app", "refresh_token", r.text(t, "refresh_token")))
			if got := subject(t, s, r); got != want {
				t.Errorf("hint %q, refreshed: got subject %q, want %q", hint, got, want)
			}
			d := mustDo(t, s, form(t, s, DeviceEndpoint, "client_id", "app", "login_hint", hint))
			r = mustDo(t, s, form(t, s, TokenEndpoint, "grant_type", deviceGrant, "client_id", "app", "device_code", d.text(t, "device_code")))
			if got := subject(t, s, r); got != want {
				t.Errorf("hint %q, device: got subject %q, want %q", hint, got, want)
			}
		}
	})
}

func TestThePageChoosesTheUser(t *testing.T) {
	cfg := apps
	cfg.Consent, cfg.Users = ConsentAsk, []string{"ann", "bob", "<script>"}
	everywhere(t, cfg, func(t *testing.T, s *Server) {
		p := goodParams()
		p.Set("login_hint", "bob")
		page := authorize(t, s, p).body
		if !strings.Contains(page, "<option selected>bob") || !strings.Contains(page, "<option>ann") || strings.Contains(page, "<script>") {
			t.Errorf("got page %s, want every user in it, escaped, and bob selected", page)
		}
		answer := func(user string) reply {
			req := form(t, s, AuthorizeEndpoint, "decision", "approve", "user", user)
			req.URL.RawQuery = p.Encode()
			return mustDo(t, s, req)
		}
		for user, want := range map[string]string{"ann": "ann", "": "bob", "<script>": "<script>"} {
			if got := subject(t, s, redeem(t, s, back(t, answer(user)).Get("code"))); got != want {
				t.Errorf("user %q: got subject %q, want %q", user, got, want)
			}
		}
		if r := answer("unknown"); r.status != 400 || r.header.Get("Location") != "" {
			t.Errorf("unknown user: got status %d, want 400 and no redirect", r.status)
		}
		s.Update(func(c *Config) { c.Users = c.Users[:1] })
		if page := authorize(t, s, p).body; strings.Contains(page, "<select") {
			t.Errorf("got page %s, want no choice of one", page)
		}
	})
}

func TestAUserDecidesForADevice(t *testing.T) {
	cfg := asking
	cfg.Users = family3
	everywhere(t, cfg, func(t *testing.T, s *Server) {
		redeem := func(d reply) reply {
			return mustDo(t, s, form(t, s, TokenEndpoint, "grant_type", deviceGrant, "client_id", "tv", "device_code", d.text(t, "device_code")))
		}
		d := startDevice(t, s)
		if err := s.DecideAs(d.text(t, "user_code"), "mallory", true); err == nil || !strings.Contains(err.Error(), `"mallory"`) {
			t.Errorf("unknown user: got %v, want an error that names it", err)
		}
		if got := redeem(d).text(t, "error"); got != "authorization_pending" {
			t.Errorf("after that: got error %q, want authorization_pending", got)
		}
		d = startDevice(t, s)
		if err := s.DecideAs(d.text(t, "user_code"), "eve", true); err != nil {
			t.Fatal(err)
		}
		if got := subject(t, s, redeem(d)); got != "eve" {
			t.Errorf("DecideAs: got subject %q, want eve", got)
		}
		d = startDevice(t, s)
		if err := s.Decide(d.text(t, "user_code"), true); err != nil {
			t.Fatal(err)
		}
		if got := subject(t, s, redeem(d)); got != "ann" {
			t.Errorf("Decide: got subject %q, want ann", got)
		}

		for _, row := range []struct {
			user, want string
			status     int
		}{{"bob", "bob", 200}, {"", "eve", 200}, {"mallory", "", 400}} {
			d = mustDo(t, s, form(t, s, DeviceEndpoint, "client_id", "tv", "login_hint", "eve"))
			req := form(t, s, devicePage)
			req.Method, req.URL.RawQuery = "GET", url.Values{"user_code": {d.text(t, "user_code")}}.Encode()
			if page := mustDo(t, s, req).body; !strings.Contains(page, "<option selected>eve") {
				t.Errorf("got page %s, want eve selected", page)
			}
			r := mustDo(t, s, form(t, s, devicePage, "user_code", d.text(t, "user_code"), "decision", "approve", "user", row.user))
			wantStatus(t, r, row.status)
			if row.status == 200 {
				if got := subject(t, s, redeem(d)); got != row.want {
					t.Errorf("page, user %q: got subject %q, want %q", row.user, got, row.want)
				}
			}
		}
	})
}

func TestIssueForAUser(t *testing.T) {
	inMemory(t, Config{Users: family3}, func(t *testing.T, s *Server) {
		for give, want := range map[string]string{"": "ann", "bob": "bob", "stranger": "stranger"} {
			access, refresh := s.IssueFor(Grantee{ClientID: "client", Subject: give})
			if got := call(t, s, access).text(t, "sub"); got != want {
				t.Errorf("subject %q: got %q, want %q", give, got, want)
			}
			if got := subject(t, s, refreshWith(t, s, refresh)); got != want {
				t.Errorf("subject %q, refreshed: got %q, want %q", give, got, want)
			}
		}
	})
}
