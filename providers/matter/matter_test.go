package matter_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
	"example.com/bearer/providers/matter"
)

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What Matter documents: POST, Basic with id and secret, and the answer shown
// there.
func TestTokenAsDocumented(t *testing.T) {
	var got *http.Request
	var body []byte
	source := matter.App{ClientID: "id", ClientSecret: "s3cret", Server: grant.Server{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		got = r
		body, _ = io.ReadAll(r.Body)
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(`{"access_token":"at","expires_in":3600,"token_type":"Bearer"}`))}, nil
	})}}.Source()
	tok, err := source.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if tok.AccessToken != "at" || tok.ExpiresIn != 3600 || tok.RefreshToken != "" {
		t.Errorf("got ExpiresIn %d, want the token of the answer", tok.ExpiresIn)
	}
	id, secret, ok := got.BasicAuth()
	if got.Method != "POST" || got.URL.String() != matter.TokenURL || !ok || id != "id" || secret != "s3cret" {
		t.Errorf("got %s %s with Basic %v %q, want POST %s with Basic id", got.Method, got.URL, ok, id, matter.TokenURL)
	}
	if string(body) != "grant_type=client_credentials" {
		t.Errorf("body: got %q, want grant_type=client_credentials", body)
	}
}

// start starts a server under Matter's host.
func start(t *testing.T, client bearertest.Client) (*bearertest.Server, grant.Server) {
	t.Helper()
	srv := bearertest.Start(t, bearertest.Config{
		Network: new(bearertest.Network), Host: "api.thisismatter.com", Clients: []bearertest.Client{client},
		Routes: map[string]bearertest.Endpoint{
			"/auth/v1/token": bearertest.TokenEndpoint,
			"/v1/":           bearertest.APIEndpoint, // its path is not documented
		},
	})
	return srv, grant.Server{Transport: srv.Transport()}
}

// RFC 6749 section 2.3.1: id and secret are form-encoded before Basic joins
// them, so that a colon in the id is not the separator. With another Auth a
// server that does not decode them gets them as they are.
func TestBasicIsFormEncodedUnlessRaw(t *testing.T) {
	const id, secret = "an id:ä", "s+3 cr%et"
	_, server := start(t, bearertest.Client{ID: id, Secret: secret, Auth: []string{"client_secret_basic"}})
	if _, err := (matter.App{ClientID: id, ClientSecret: secret, Server: server}.Source().Token(t.Context())); err != nil {
		t.Errorf("encoded: got %v, want a token", err)
	}

	_, server = start(t, bearertest.Client{ID: "id", Secret: secret, Auth: []string{"client_secret_basic"}, RawBasic: true})
	source := matter.App{ClientID: "id", ClientSecret: secret, Server: server}.Source()
	if _, err := source.Token(t.Context()); err == nil {
		t.Error("encoded, for a server that does not decode: got a token, want an error")
	}
	source.Auth = grant.Basic{ID: "id", Secret: secret, Raw: true}
	if _, err := source.Token(t.Context()); err != nil {
		t.Errorf("raw: got %v, want a token", err)
	}
}

// SecretFunc is called for each request, so that a rotated secret counts at
// once.
func TestSecretFuncSuppliesTheSecret(t *testing.T) {
	srv, server := start(t, bearertest.Client{ID: "id"})
	var current string
	source := matter.App{ClientID: "id", Server: server,
		SecretFunc: func(context.Context) (string, error) { return current, nil }}.Source()
	for _, current = range []string{"s3cret", "rotated"} {
		srv.Update(func(c *bearertest.Config) { c.Clients[0].Secret = current })
		if _, err := source.Token(t.Context()); err != nil {
			t.Errorf("secret %s: got %v, want a token", current, err)
		}
	}
}

// With Hosts the token reaches Matter's API and no other host (G3).
func TestHostsAreTheAPI(t *testing.T) {
	srv, server := start(t, bearertest.Client{ID: "id", Secret: "s3cret"})
	network := server.Transport.(*bearertest.Network)
	others := new(bearertest.Recorder)
	network.Handle("thisismatter.com", others)
	network.Handle("other.test", others)
	access, _ := srv.Issue("id", "")
	client := http.Client{Transport: &bearer.Transport{
		Source: bearer.FromOAuth2(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: access})),
		Hosts:  matter.Hosts, Base: network,
	}}
	for _, address := range []string{"https://api.thisismatter.com/v1/x", "https://thisismatter.com/", "https://other.test/"} {
		resp, err := client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: got %s, want 200", address, resp.Status)
		}
	}
	if got := others.Authorizations(); len(got) != 0 || len(others.Requests()) != 2 {
		t.Errorf("other hosts: got %d tokens with %d requests, want 0 with 2", len(got), len(others.Requests()))
	}
}

func TestNoSecretIsShown(t *testing.T) {
	app := matter.App{ClientID: "id", ClientSecret: "canary"}
	for _, value := range []any{app, app.Source()} {
		if got := fmt.Sprintf("%v %+v %#v", value, value, value); strings.Contains(got, "canary") {
			t.Errorf("got %s, want no secret in it", got)
		}
	}
}
