package grant

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"golang.org/x/oauth2"
)

// recorded answers each request with the next of bodies, and keeps the forms.
func recorded(t *testing.T, bodies ...string) (Server, *[]url.Values) {
	var forms []url.Values
	s, _ := serve(t, func(n int, _ *http.Request, form url.Values) (*http.Response, error) {
		forms = append(forms, form)
		return reply(200, bodies[min(n, len(bodies))-1]), nil
	})
	return s, &forms
}

// Each step of a login has its own further parameters: no other request gets
// them, and the caller's maps stay as they are.
func TestParamsPerStep(t *testing.T) {
	s, forms := recorded(t, good)
	flow := AuthorizationCode{
		Server: s, ClientID: "id", RedirectURL: "https://app.test/", Scopes: []string{"a"}, Audience: "aud",
		Params:         url.Values{"prompt": {"consent"}},
		ExchangeParams: url.Values{"tenant": {"t1", "t2"}, "audience": {"exchange-aud"}, "scope": {"b"}},
		RefreshParams:  url.Values{"device": {"d"}, "audience": {"refresh-aud"}},
	}
	verifier := oauth2.GenerateVerifier()
	address, err := flow.AuthCodeURL(t.Context(), "st", verifier)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := flow.Exchange(t.Context(), "c", verifier); err != nil {
		t.Fatal(err)
	}
	if _, err := flow.Refresh(t.Context(), &oauth2.Token{RefreshToken: "rt"}); err != nil {
		t.Fatal(err)
	}
	device := Device{Server: s, ClientID: "id", RefreshParams: url.Values{"device": {"d"}}}
	if _, err := device.Refresh(t.Context(), &oauth2.Token{RefreshToken: "rt"}); err != nil {
		t.Fatal(err)
	}
	for i, row := range []struct {
		step      string
		got, want url.Values
	}{
		{"AuthCodeURL", u.Query(), url.Values{
			"response_type": {"code"}, "client_id": {"id"}, "redirect_uri": {"https://app.test/"}, "state": {"st"}, "scope": {"a"}, "audience": {"aud"},
			"prompt": {"consent"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"}}},
		{"Exchange", (*forms)[0], url.Values{
			"grant_type": {"authorization_code"}, "client_id": {"id"}, "redirect_uri": {"https://app.test/"}, "code": {"c"}, "code_verifier": {verifier},
			"tenant": {"t1", "t2"}, "audience": {"exchange-aud"}, "scope": {"b"}}},
		{"Refresh", (*forms)[1], url.Values{
			"grant_type": {"refresh_token"}, "client_id": {"id"}, "refresh_token": {"rt"}, "device": {"d"}, "audience": {"refresh-aud"}}},
		{"Device.Refresh", (*forms)[2], url.Values{
			"grant_type": {"refresh_token"}, "client_id": {"id"}, "refresh_token": {"rt"}, "device": {"d"}}},
	} {
		if got, want := row.got.Encode(), row.want.Encode(); got != want {
			t.Errorf("%d, %s: got  %s\nwant %s", i, row.step, got, want)
		}
	}
	if len(flow.Params) != 1 || len(flow.ExchangeParams) != 3 || len(flow.RefreshParams) != 2 {
		t.Errorf("got %v, %v, %v, want the caller's maps unchanged", flow.Params, flow.ExchangeParams, flow.RefreshParams)
	}
}

// A parameter that a field sets is an error that names both, before the user
// consents and before anything is sent.
func TestParamsThatAreSetByAField(t *testing.T) {
	s, w := serve(t, always(200, good))
	verifier := oauth2.GenerateVerifier()
	prev := &oauth2.Token{RefreshToken: "rt"}
	token := func(context.Context) (string, error) { return "token", nil }
	for _, row := range []struct {
		name  string
		setBy string
		field string
		calls func(url.Values) []error
	}{
		{"scope", "Scopes", "AuthorizationCode.Params", func(p url.Values) []error {
			_, err := AuthorizationCode{Server: s, ClientID: "id", RedirectURL: "https://app.test/", Params: p}.AuthCodeURL(t.Context(), "s", verifier)
			return []error{err}
		}},
		{"code", "Exchange", "AuthorizationCode.ExchangeParams", func(p url.Values) []error {
			flow := AuthorizationCode{Server: s, ClientID: "id", RedirectURL: "https://app.test/", ExchangeParams: p}
			_, atStart := flow.AuthCodeURL(t.Context(), "s", verifier)
			_, err := flow.Exchange(t.Context(), "c", verifier)
			return []error{atStart, err}
		}},
		{"scope", "RefreshScopes", "AuthorizationCode.RefreshParams", func(p url.Values) []error {
			flow := AuthorizationCode{Server: s, ClientID: "id", RedirectURL: "https://app.test/", RefreshParams: p}
			_, atStart := flow.AuthCodeURL(t.Context(), "s", verifier)
			_, err := flow.Refresh(t.Context(), prev)
			return []error{atStart, err}
		}},
		{"resource", "Resource", "AuthorizationCode.RefreshParams", func(p url.Values) []error {
			_, err := AuthorizationCode{Server: s, ClientID: "id", RefreshParams: p}.Refresh(t.Context(), prev)
			return []error{err}
		}},
		{"audience", "Audience", "Device.Params", func(p url.Values) []error {
			_, err := Device{Server: s, ClientID: "id", Params: p}.Start(t.Context())
			return []error{err}
		}},
		{"client_secret", "Auth", "Device.RefreshParams", func(p url.Values) []error {
			d := Device{Server: s, ClientID: "id", RefreshParams: p}
			_, atStart := d.Start(t.Context())
			_, err := d.Refresh(t.Context(), prev)
			return []error{atStart, err}
		}},
		{"grant_type", "the grant", "ClientCredentials.Params", func(p url.Values) []error {
			_, err := ClientCredentials{Server: s, Auth: basic, Params: p}.Token(t.Context())
			return []error{err}
		}},
		{"assertion", "Assertion", "JWTBearer.Params", func(p url.Values) []error {
			_, err := JWTBearer{Server: s, Assertion: token, Params: p}.Token(t.Context())
			return []error{err}
		}},
		{"subject_token_type", "SubjectType", "TokenExchange.Params", func(p url.Values) []error {
			_, err := TokenExchange{Server: s, Subject: token, Params: p}.Token(t.Context())
			return []error{err}
		}},
	} {
		for _, err := range row.calls(url.Values{row.name: {"x"}}) {
			wantText(t, err, row.field+` has "`+row.name+`", which `+row.setBy+" sets; remove it")
		}
	}
	if n := w.seen.Load(); n != 0 {
		t.Errorf("got %d requests, want 0", n)
	}
}

// RefreshScopes sends what was granted, else what was requested. Without it no
// scope is sent. An answer without a scope has granted what was sent (RFC 6749
// section 5.1), so that a second refresh asks for no more than the first.
func TestRefreshScopes(t *testing.T) {
	type refresher interface {
		Refresh(context.Context, *oauth2.Token) (*oauth2.Token, error)
	}
	const narrowed = `{"access_token":"at-2","refresh_token":"rt-2","scope":"c"}`
	for _, row := range []struct {
		name    string
		send    bool
		granted any // prev's scope
		answers []string
		want    []string // the scopes of three refreshes in a row
	}{
		{"off", false, "b", []string{good}, []string{"", "", ""}},
		{"granted", true, "b", []string{good}, []string{"b", "b", "b"}},
		{"the server does not say", true, nil, []string{good}, []string{"a b", "a b", "a b"}},
		{"null", true, "b", []string{`{"access_token":"at","scope":null}`}, []string{"b", "b", "b"}},
		{"narrowed", true, "b c", []string{good, narrowed, good}, []string{"b c", "b c", "c"}},
	} {
		for name, grantOf := range map[string]func(Server) refresher{
			"AuthorizationCode": func(s Server) refresher {
				return AuthorizationCode{Server: s, ClientID: "id", Scopes: []string{"a", "b"}, RefreshScopes: row.send}
			},
			"Device": func(s Server) refresher {
				return Device{Server: s, ClientID: "id", Scopes: []string{"a", "b"}, RefreshScopes: row.send}
			},
		} {
			s, forms := recorded(t, row.answers...)
			token := (&oauth2.Token{RefreshToken: "rt"}).WithExtra(map[string]any{"scope": row.granted})
			for range row.want {
				var err error
				if token, err = grantOf(s).Refresh(t.Context(), token); err != nil {
					t.Fatal(err)
				}
			}
			for i, want := range row.want {
				if got := (*forms)[i]["scope"]; len(got) > 1 || (*forms)[i].Get("scope") != want || len(got) == 1 && want == "" {
					t.Errorf("%s, %s, refresh %d: got scope %q, want %q", name, row.name, i+1, got, want)
				}
			}
		}
	}
	flow := AuthorizationCode{ClientID: "id", RefreshScopes: true}
	if _, err := flow.Refresh(t.Context(), nil); !errors.Is(err, ErrLoginRequired) {
		t.Errorf("no token: got %v, want ErrLoginRequired", err)
	}
}
