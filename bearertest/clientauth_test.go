package bearertest

import "testing"

func TestClientAuthentication(t *testing.T) {
	cfg := Config{Clients: []Client{
		{ID: "a:b", Secret: "p+w %"},
		{ID: "raw", Secret: "p+w %", RawBasic: true},
		{ID: "params", Secret: "s", Auth: []string{"client_secret_post"}},
		{ID: "header", Secret: "s", Auth: []string{"client_secret_basic"}},
		{ID: "app", Grants: []string{"authorization_code", "refresh_token"}},
	}}
	for name, row := range map[string]struct {
		user, password string   // HTTP Basic, as sent
		form           []string // besides the grant
		want           string   // error, empty for a token
	}{
		"basic":             {"a%3Ab", "p%2Bw+%25", nil, ""},
		"basic, unencoded":  {"raw", "p+w %", nil, ""},
		"basic, wrong":      {"a%3Ab", "wrong", nil, "invalid_client"},
		"basic, malformed":  {"a%3Ab", "%zz", nil, "invalid_client"},
		"basic, unknown":    {"nobody", "s", nil, "invalid_client"},
		"post":              {"", "", []string{"client_id", "a:b", "client_secret", "p+w %"}, ""},
		"post, wrong":       {"", "", []string{"client_id", "a:b", "client_secret", "x"}, "invalid_client"},
		"post only":         {"", "", []string{"client_id", "params", "client_secret", "s"}, ""},
		"post only, basic":  {"params", "s", nil, "invalid_client"},
		"basic only, post":  {"", "", []string{"client_id", "header", "client_secret", "s"}, "invalid_client"},
		"two at once":       {"header", "s", []string{"client_id", "header", "client_secret", "s"}, "invalid_request"},
		"none":              {"", "", nil, "invalid_client"},
		"no secret sent":    {"", "", []string{"client_id", "params"}, "invalid_client"},
		"public":            {"", "", []string{"client_id", "app"}, "unauthorized_client"},
		"repeated":          {"header", "s", []string{"scope", "a", "scope", "b"}, "invalid_request"},
		"public, by basic":  {"app", "", nil, "invalid_client"},
		"public, by secret": {"", "", []string{"client_id", "app", "client_secret", "x"}, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, cfg, func(t *testing.T, s *Server) {
				req := form(t, s, TokenEndpoint, append(row.form, "grant_type", "client_credentials")...)
				if row.user != "" {
					req.SetBasicAuth(row.user, row.password)
				}
				r := mustDo(t, s, req)
				if got := r.text(t, "error"); got != row.want {
					t.Errorf("got error %q in %s, want %q", got, r.body, row.want)
				}
				challenged := r.header.Get("WWW-Authenticate") != ""
				if want := row.want == "invalid_client" && row.user != ""; challenged != want {
					t.Errorf("got a Basic challenge: %v, want %v", challenged, want)
				}
			})
		})
	}
}

func TestTokenRequestsThatAreRefused(t *testing.T) {
	cfg := Config{Clients: []Client{{ID: "client", Secret: "secret", Scopes: []string{"read", "write"}, Grants: []string{"client_credentials"}}}}
	for name, row := range map[string]struct {
		form []string
		want string
	}{
		"no grant":      {nil, "invalid_request"},
		"unknown grant": {[]string{"grant_type", "password"}, "unsupported_grant_type"},
		"other grant":   {[]string{"grant_type", "refresh_token", "refresh_token", "x"}, "unauthorized_client"},
		"other scope":   {[]string{"grant_type", "client_credentials", "scope", "read admin"}, "invalid_scope"},
		"good":          {[]string{"grant_type", "client_credentials", "scope", "read write"}, ""},
	} {
		inMemory(t, cfg, func(t *testing.T, s *Server) {
			if got := mustDo(t, s, asClient(t, s, TokenEndpoint, row.form...)).text(t, "error"); got != row.want {
				t.Errorf("%s: got error %q, want %q", name, got, row.want)
			}
		})
	}
}
