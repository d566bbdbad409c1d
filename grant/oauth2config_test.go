package grant

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// wireOf is what a server sees of a request.
func wireOf(r *http.Request, form url.Values) string {
	return r.Method + " " + r.URL.String() + " " + r.Header.Get("Authorization") + " " + form.Encode()
}

// The grant sends the same requests as the configuration that it was made of.
func TestFromOAuth2ConfigKeepsTheWire(t *testing.T) {
	for _, row := range []struct {
		name   string
		style  oauth2.AuthStyle
		secret string
	}{
		{"header", oauth2.AuthStyleInHeader, "s3cret+%:ä"},
		{"header, empty secret", oauth2.AuthStyleInHeader, ""},
		{"params", oauth2.AuthStyleInParams, "s3cret+%:ä"},
		{"params, no secret", oauth2.AuthStyleInParams, ""},
	} {
		var seen []string
		s, w := serve(t, func(_ int, r *http.Request, form url.Values) (*http.Response, error) {
			seen = append(seen, wireOf(r, form))
			return reply(200, good), nil
		})
		config := &oauth2.Config{
			ClientID: "i d", ClientSecret: row.secret, RedirectURL: "https://app.test/cb", Scopes: []string{"a", "b"},
			Endpoint: oauth2.Endpoint{AuthURL: s.AuthURL, TokenURL: s.TokenURL, DeviceAuthURL: s.DeviceAuthURL, AuthStyle: row.style},
		}
		flow, err := FromOAuth2Config(config)
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		if flow.Server.DeviceAuthURL != s.DeviceAuthURL {
			t.Errorf("%s: got DeviceAuthURL %q, want %q", row.name, flow.Server.DeviceAuthURL, s.DeviceAuthURL)
		}
		flow.Server.Transport = w
		ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: w})
		verifier := oauth2.GenerateVerifier()

		ours, err := flow.AuthCodeURL(ctx, "st", verifier)
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		got, _ := url.Parse(ours)
		want, _ := url.Parse(config.AuthCodeURL("st", oauth2.S256ChallengeOption(verifier)))
		if got.Host+got.Path != want.Host+want.Path || got.Query().Encode() != want.Query().Encode() {
			t.Errorf("%s: got  %s\nwant %s", row.name, got, want)
		}
		if _, err := flow.Exchange(ctx, "code", verifier); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		if _, err := flow.Refresh(ctx, &oauth2.Token{RefreshToken: "rt"}); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		if _, err := config.Exchange(ctx, "code", oauth2.VerifierOption(verifier)); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		if _, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: "rt"}).Token(); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		if len(seen) != 4 || seen[0] != seen[2] || seen[1] != seen[3] {
			t.Errorf("%s: got %q, want the requests of x/oauth2, which are the last two", row.name, seen)
		}

		config.Scopes[0] = "changed"
		if flow.Scopes[0] != "a" {
			t.Errorf("%s: got scope %q, want a copy of the configuration's", row.name, flow.Scopes[0])
		}
	}
}

func TestFromClientCredentialsConfigKeepsTheWire(t *testing.T) {
	for _, row := range []struct {
		name   string
		style  oauth2.AuthStyle
		secret string
		scopes []string
		params url.Values
	}{
		{"header", oauth2.AuthStyleInHeader, "s3cret+%:ä", []string{"a", "b"}, nil},
		{"params", oauth2.AuthStyleInParams, "s3cret", nil, url.Values{"realm": {"r"}}},
		{"params, no secret", oauth2.AuthStyleInParams, "", nil, nil},
		{"fields among EndpointParams", oauth2.AuthStyleInHeader, "s3cret", nil, url.Values{
			"audience": {"aud"}, "resource": {"https://x.test", "https://y.test"}, "scope": {"a b"}, "grant_type": {"client_credentials"}, "realm": {"r", "s"}}},
		{"nothing among EndpointParams", oauth2.AuthStyleInHeader, "s3cret", nil, url.Values{"audience": {}, "resource": nil, "scope": {}}},
	} {
		var seen []string
		s, w := serve(t, func(_ int, r *http.Request, form url.Values) (*http.Response, error) {
			seen = append(seen, wireOf(r, form))
			return reply(200, good), nil
		})
		config := &clientcredentials.Config{
			ClientID: "i d", ClientSecret: row.secret, TokenURL: s.TokenURL, Scopes: row.scopes,
			AuthStyle: row.style, EndpointParams: maps.Clone(row.params),
		}
		client, err := FromClientCredentialsConfig(config)
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		client.Server.Transport = w
		if _, err := client.Token(t.Context()); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		if _, err := config.Token(context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: w})); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		if len(seen) != 2 || seen[0] != seen[1] {
			t.Errorf("%s: got %q, want the request of x/oauth2, which is the last one", row.name, seen)
		}
		if got, want := config.EndpointParams.Encode(), row.params.Encode(); got != want {
			t.Errorf("%s: got EndpointParams %s, want them unchanged: %s", row.name, got, want)
		}
		if len(row.params["audience"]) == 1 && (client.Audience != "aud" || len(client.Resource) != 2 || len(client.Scopes) != 2 || len(client.Params) != 1) {
			t.Errorf("%s: got Audience %q, Resource %q, Scopes %q and Params %q, want the fields set", row.name, client.Audience, client.Resource, client.Scopes, client.Params)
		}
	}
}

func TestConfigsThatCannotBeConverted(t *testing.T) {
	user := func(style oauth2.AuthStyle) error {
		_, err := FromOAuth2Config(&oauth2.Config{ClientID: "id", ClientSecret: "canary", Endpoint: oauth2.Endpoint{AuthStyle: style}})
		return err
	}
	client := func(style oauth2.AuthStyle, scopes []string, params url.Values) error {
		_, err := FromClientCredentialsConfig(&clientcredentials.Config{
			ClientID: "id", ClientSecret: "canary", AuthStyle: style, Scopes: scopes, EndpointParams: params,
		})
		return err
	}
	_, noUser := FromOAuth2Config(nil)
	_, noClient := FromClientCredentialsConfig(nil)
	const header = oauth2.AuthStyleInHeader
	for _, row := range []struct {
		err  error
		want []string
	}{
		{noUser, []string{"FromOAuth2Config: the *oauth2.Config is nil"}},
		{noClient, []string{"FromClientCredentialsConfig: the *clientcredentials.Config is nil"}},
		{user(oauth2.AuthStyleAutoDetect), []string{"oauth2.Config.Endpoint.AuthStyle is AuthStyleAutoDetect", "a code or a refresh token twice", "set it to oauth2.AuthStyleInHeader or oauth2.AuthStyleInParams"}},
		{user(7), []string{"oauth2.Config.Endpoint.AuthStyle is 7"}},
		{client(oauth2.AuthStyleAutoDetect, nil, nil), []string{"clientcredentials.Config.AuthStyle is AuthStyleAutoDetect"}},
		{client(header, nil, url.Values{"audience": {"a", "b"}}), []string{"EndpointParams has 2 values of audience"}},
		{client(header, []string{"a"}, url.Values{"scope": {"b"}}), []string{`clientcredentials.Config.EndpointParams has "scope", which Scopes sets`}},
		{client(header, nil, url.Values{"grant_type": {"password"}}), []string{`EndpointParams has "grant_type"`}},
		{client(header, nil, url.Values{"client_assertion": {"canary"}}), []string{`EndpointParams has "client_assertion", which Auth sets`}},
	} {
		wantText(t, row.err, row.want...)
		if strings.Contains(row.err.Error(), "canary") {
			t.Errorf("got %q, want no secret in it", row.err)
		}
	}
}
