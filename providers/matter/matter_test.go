package matter

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"example.com/bearer/grant"
)

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What Matter documents: POST, Basic with id and secret, and the answer it shows.
func TestTokenAsDocumented(t *testing.T) {
	var got *http.Request
	var body []byte
	source := App{ClientID: "id", ClientSecret: "s3cret", Server: grant.Server{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
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
	if got.Method != "POST" || got.URL.String() != TokenURL || !ok || id != "id" || secret != "s3cret" {
		t.Errorf("got %s %s with Basic %v %q, want POST %s with Basic id", got.Method, got.URL, ok, id, TokenURL)
	}
	if string(body) != "grant_type=client_credentials" {
		t.Errorf("body: got %q, want grant_type=client_credentials", body)
	}
}

func TestNoSecretIsShown(t *testing.T) {
	app := App{ClientID: "id", ClientSecret: "canary"}
	for _, value := range []any{app, app.Source()} {
		if got := fmt.Sprintf("%v %+v %#v", value, value, value); strings.Contains(got, "canary") {
			t.Errorf("got %s, want no secret in it", got)
		}
	}
}
