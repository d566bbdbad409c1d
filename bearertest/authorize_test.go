package bearertest

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	verifier = "a-verifier-of-at-least-forty-three-characters"
	callback = "http://127.0.0.1:4711/callback"
)

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// apps has a public, a confidential and a strict client.
var apps = Config{Clients: []Client{
	{ID: "app", RedirectURIs: []string{"http://127.0.0.1/callback", "https://app.test/cb?keep=1"}},
	{ID: "client", Secret: "secret"},
	{ID: "strict", Secret: "secret", RequirePKCE: true, Scopes: []string{"profile"}, Grants: []string{"authorization_code"}},
}}

// goodParams returns the parameters of a request of the public client that is
// accepted.
func goodParams() url.Values {
	return url.Values{
		"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {"profile"},
		"state": {"s&t"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"},
	}
}

func authorize(t *testing.T, s *Server, p url.Values) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.Endpoint(AuthorizeEndpoint)+"?"+p.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return mustDo(t, s, req)
}

// back returns the query with which the browser returns to the client.
func back(t *testing.T, r reply) url.Values {
	t.Helper()
	wantStatus(t, r, 303)
	u, err := url.Parse(r.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

func redeem(t *testing.T, s *Server, code string, change ...string) reply {
	t.Helper()
	p := map[string]string{
		"grant_type": "authorization_code", "code": code, "redirect_uri": callback,
		"client_id": "app", "code_verifier": verifier,
	}
	for i := 0; i < len(change); i += 2 {
		p[change[i]] = change[i+1]
	}
	var pairs []string
	for k, v := range p {
		if v != "" {
			pairs = append(pairs, k, v)
		}
	}
	return mustDo(t, s, form(t, s, TokenEndpoint, pairs...))
}

func TestCodeGrantOfAPublicClient(t *testing.T) {
	everywhere(t, apps, func(t *testing.T, s *Server) {
		q := back(t, authorize(t, s, goodParams()))
		if q.Get("state") != "s&t" || q.Get("iss") != s.URL || q.Get("code") == "" {
			t.Fatalf("got %v", q)
		}
		r := redeem(t, s, q.Get("code"))
		wantStatus(t, r, 200)
		if r.text(t, "refresh_token") == "" || r.text(t, "scope") != "profile" {
			t.Errorf("got %s, want a refresh token and the scope", r.body)
		}
		a := call(t, s, r.text(t, "access_token"))
		wantStatus(t, a, 200)
		if got := a.text(t, "sub"); got != "alice" {
			t.Errorf("got subject %q, want alice", got)
		}
		r = mustDo(t, s, form(t, s, TokenEndpoint, "grant_type", "refresh_token", "client_id", "app", "refresh_token", r.text(t, "refresh_token")))
		wantStatus(t, r, 200)
	})
}

func TestCodeGrantOfAConfidentialClient(t *testing.T) {
	everywhere(t, apps, func(t *testing.T, s *Server) {
		p := goodParams()
		p.Set("client_id", "client")
		p.Del("code_challenge")
		p.Del("code_challenge_method")
		code := back(t, authorize(t, s, p)).Get("code")
		wantStatus(t, redeem(t, s, code, "client_id", "client", "code_verifier", ""), 401)
		wantStatus(t, redeem(t, s, code, "client_id", "client", "client_secret", "secret", "code_verifier", ""), 200)
	})
}

func TestACodeIsGoodOnce(t *testing.T) {
	inMemory(t, apps, func(t *testing.T, s *Server) {
		code := back(t, authorize(t, s, goodParams())).Get("code")
		token := redeem(t, s, code).text(t, "access_token")
		if got := redeem(t, s, code).text(t, "error"); got != "invalid_grant" {
			t.Errorf("got error %q, want invalid_grant", got)
		}
		wantStatus(t, call(t, s, token), 401) // the first one's tokens are revoked
	})
}

func TestACodeIsGoodForAMinute(t *testing.T) {
	inMemory(t, apps, func(t *testing.T, s *Server) {
		code := back(t, authorize(t, s, goodParams())).Get("code")
		time.Sleep(time.Minute)
		if got := redeem(t, s, code).text(t, "error"); got != "invalid_grant" {
			t.Errorf("got error %q, want invalid_grant", got)
		}
	})
}

func TestCodesThatAreRefused(t *testing.T) {
	for name, row := range map[string]struct {
		change []string
		want   string
	}{
		"no code":            {[]string{"code", ""}, "invalid_request"},
		"unknown":            {[]string{"code", "x"}, "invalid_grant"},
		"other redirect":     {[]string{"redirect_uri", "http://127.0.0.1:1/callback"}, "invalid_grant"},
		"no redirect":        {[]string{"redirect_uri", ""}, "invalid_grant"},
		"wrong verifier":     {[]string{"code_verifier", verifier + "x"}, "invalid_grant"},
		"no verifier":        {[]string{"code_verifier", ""}, "invalid_grant"},
		"another client's":   {[]string{"client_id", "client", "client_secret", "secret"}, "invalid_grant"},
		"none of its grants": {[]string{"grant_type", "client_credentials"}, "unauthorized_client"},
	} {
		inMemory(t, apps, func(t *testing.T, s *Server) {
			code := back(t, authorize(t, s, goodParams())).Get("code")
			if got := redeem(t, s, code, append([]string{"code", code}, row.change...)...).text(t, "error"); got != row.want {
				t.Errorf("%s: got error %q, want %q", name, got, row.want)
			}
		})
	}
}

func TestAuthorizationRequestsThatAreRefused(t *testing.T) {
	for name, row := range map[string]struct {
		param, value string
		want         string // error sent back; empty: shown in the browser
	}{
		"unknown client":      {"client_id", "nobody", ""},
		"other redirect":      {"redirect_uri", "https://evil.test/cb", ""},
		"other path":          {"redirect_uri", "http://127.0.0.1:4711/other", ""},
		"other loopback":      {"redirect_uri", "http://127.0.0.2:4711/callback", ""},
		"no redirect":         {"redirect_uri", "", ""},
		"relative redirect":   {"redirect_uri", "/callback", ""},
		"fragment":            {"redirect_uri", callback + "#x", ""},
		"no response type":    {"response_type", "", "unsupported_response_type"},
		"token":               {"response_type", "token", "unsupported_response_type"},
		"no PKCE":             {"code_challenge", "", "invalid_request"},
		"plain PKCE":          {"code_challenge_method", "plain", "invalid_request"},
		"malformed challenge": {"code_challenge", "short", "invalid_request"},
	} {
		inMemory(t, apps, func(t *testing.T, s *Server) {
			p := goodParams()
			p.Set(row.param, row.value)
			r := authorize(t, s, p)
			if row.want == "" {
				if r.status != 400 || r.header.Get("Location") != "" {
					t.Errorf("%s: got status %d to %q, want 400 and no redirect", name, r.status, r.header.Get("Location"))
				}
				return
			}
			if got := back(t, r); got.Get("error") != row.want || got.Get("state") != "s&t" {
				t.Errorf("%s: got %v, want error %q and the state", name, got, row.want)
			}
		})
	}
	inMemory(t, apps, func(t *testing.T, s *Server) {
		p := goodParams()
		p.Set("client_id", "strict")
		p.Del("code_challenge")
		if got := back(t, authorize(t, s, p)).Get("error"); got != "invalid_request" {
			t.Errorf("RequirePKCE: got error %q, want invalid_request", got)
		}
		p = goodParams()
		p.Set("client_id", "strict")
		p.Set("scope", "profile admin")
		if got := back(t, authorize(t, s, p)).Get("error"); got != "invalid_scope" {
			t.Errorf("scope: got error %q, want invalid_scope", got)
		}
	})
}

func TestARegisteredQueryIsKept(t *testing.T) {
	inMemory(t, apps, func(t *testing.T, s *Server) {
		p := goodParams()
		p.Set("redirect_uri", "https://app.test/cb?keep=1")
		if q := back(t, authorize(t, s, p)); q.Get("keep") != "1" || q.Get("code") == "" {
			t.Errorf("got %v, want the registered query and a code", q)
		}
	})
}

func TestConsentDenied(t *testing.T) {
	cfg := apps
	cfg.Consent = ConsentDeny
	everywhere(t, cfg, func(t *testing.T, s *Server) {
		if q := back(t, authorize(t, s, goodParams())); q.Get("error") != "access_denied" || q.Get("code") != "" {
			t.Errorf("got %v, want access_denied", q)
		}
	})
}

func TestConsentPage(t *testing.T) {
	cfg := apps
	cfg.Consent = ConsentAsk
	everywhere(t, cfg, func(t *testing.T, s *Server) {
		p := goodParams()
		p.Set("scope", "<script>")
		r := authorize(t, s, p)
		wantStatus(t, r, 200)
		if !strings.Contains(r.body, `value="approve"`) || strings.Contains(r.body, "<script>") {
			t.Errorf("got page %s", r.body)
		}
		for decision, want := range map[string]string{"approve": "code", "deny": "error"} {
			req := form(t, s, AuthorizeEndpoint, "decision", decision)
			req.URL.RawQuery = p.Encode()
			if q := back(t, mustDo(t, s, req)); q.Get(want) == "" {
				t.Errorf("%s: got %v, want %s", decision, q, want)
			}
		}
	})
}

func TestMetadata(t *testing.T) {
	everywhere(t, Config{}, func(t *testing.T, s *Server) {
		for _, path := range []string{string(MetadataEndpoint), "/.well-known/openid-configuration"} {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL+path, nil)
			r := mustDo(t, s, req)
			wantStatus(t, r, 200)
			if r.text(t, "issuer") != s.URL || r.text(t, "token_endpoint") != s.URL+"/token" {
				t.Errorf("got %s", r.body)
			}
		}
	})
}
