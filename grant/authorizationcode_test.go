package grant

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

func TestAuthCodeURL(t *testing.T) {
	verifier := oauth2.GenerateVerifier()
	flow := AuthorizationCode{
		Server:   Server{AuthURL: "https://auth.test/authorize?tenant=x"},
		ClientID: "id", RedirectURL: "https://app.test/cb?a=b", Scopes: []string{"a", "b"},
		Audience: "aud", Resource: []string{"https://r.test"}, Params: url.Values{"prompt": {"consent"}},
	}
	got, err := flow.AuthCodeURL(t.Context(), "st&te", verifier)
	if err != nil {
		t.Fatal(err)
	}
	want := "https://auth.test/authorize?audience=aud&client_id=id&code_challenge=" + oauth2.S256ChallengeFromVerifier(verifier) +
		"&code_challenge_method=S256&prompt=consent&redirect_uri=https%3A%2F%2Fapp.test%2Fcb%3Fa%3Db&resource=https%3A%2F%2Fr.test" +
		"&response_type=code&scope=a%20b&state=st%26te&tenant=x"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if strings.Contains(got, verifier) {
		t.Error("the URL has the verifier in it, want only its hash")
	}
}

// The client's id need not be said twice.
func TestClientIDComesFromAuth(t *testing.T) {
	for _, auth := range []ClientAuth{basic, Post{ID: "id"}, None{ID: "id"}, PrivateKeyJWT{ID: "id"}, ClientSecretJWT{ID: "id"}, &TLS{ID: "id"}} {
		got, err := AuthorizationCode{Server: Server{AuthURL: "https://auth.test/"}, Auth: auth, RedirectURL: "https://app.test/"}.AuthCodeURL(t.Context(), "s", oauth2.GenerateVerifier())
		if err != nil || !strings.Contains(got, "client_id=id&") {
			t.Errorf("%T: got %s and %v, want client_id=id", auth, got, err)
		}
	}
	_, err := AuthorizationCode{Server: Server{AuthURL: "https://auth.test/"}, Auth: (*TLS)(nil)}.AuthCodeURL(t.Context(), "s", oauth2.GenerateVerifier())
	wantText(t, err, "AuthorizationCode.Auth is a nil *grant.TLS")
}

func TestAuthCodeURLThatWouldBeUnsafe(t *testing.T) {
	verifier := oauth2.GenerateVerifier()
	good := AuthorizationCode{Server: Server{AuthURL: "https://auth.test/"}, ClientID: "id", RedirectURL: "https://app.test/"}
	for _, row := range []struct {
		change          func(*AuthorizationCode)
		state, verifier string
		want            string
	}{
		{func(a *AuthorizationCode) { a.Server.AuthURL = "" }, "s", verifier, "Server.AuthURL is empty"},
		{func(a *AuthorizationCode) { a.Server.AuthURL = "http://auth.test/" }, "s", verifier, "Server.AuthURL is plaintext"},
		{func(a *AuthorizationCode) { a.Server.AuthURL += "?a=1;canary=2" }, "s", verifier, "Server.AuthURL has a query that cannot be parsed"},
		{func(a *AuthorizationCode) { a.ClientID = "" }, "s", verifier, "AuthorizationCode.ClientID is empty"},
		{func(a *AuthorizationCode) { a.Auth = Basic{ID: "other", Secret: "s3cret"} }, "s", verifier, `ClientID is "id" and Auth's ID is "other"`},
		{func(a *AuthorizationCode) { a.Params = url.Values{"state": {"x"}} }, "s", verifier, `Params has "state"`},
		{func(a *AuthorizationCode) { a.RedirectURL = "" }, "s", verifier, "AuthorizationCode.RedirectURL is empty"},
		{func(*AuthorizationCode) {}, "", verifier, "state is empty"},
		{func(*AuthorizationCode) {}, "s", "", "the verifier is not 43 to 128"},
		{func(*AuthorizationCode) {}, "s", "short-canary", "the verifier is not 43 to 128"},
		{func(*AuthorizationCode) {}, "s", verifier + "/", "the verifier is not 43 to 128"},
		{func(a *AuthorizationCode) { a.NoPKCE = true }, "s", "", "NoPKCE is set for a public client"},
		{func(a *AuthorizationCode) { a.NoPKCE, a.Auth = true, None{ID: "id"} }, "s", "", "NoPKCE is set for a public client"},
		{func(a *AuthorizationCode) { a.NoPKCE, a.Auth = true, &None{ID: "id"} }, "s", "", "NoPKCE is set for a public client"},
	} {
		flow := good
		row.change(&flow)
		_, err := flow.AuthCodeURL(t.Context(), row.state, row.verifier)
		wantText(t, err, row.want)
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("got %q, want no verifier in it", err)
		}
	}
}

func TestExchangeNeedsWhatTheLoginHad(t *testing.T) {
	flow := AuthorizationCode{ClientID: "id", RedirectURL: "https://app.test/"}
	_, err := flow.Exchange(t.Context(), "", oauth2.GenerateVerifier())
	wantText(t, err, "code is empty")
	_, err = flow.Exchange(t.Context(), "code", "")
	wantText(t, err, "the verifier is not")
	flow.RedirectURL = ""
	_, err = flow.Exchange(t.Context(), "code", oauth2.GenerateVerifier())
	wantText(t, err, "AuthorizationCode.RedirectURL is empty")
}

// A ClientAuth says itself whether the client is public: the type of a wrapper
// says nothing. One that does not say is taken for public, which is safe.
func TestPublicClientNeedsPKCEBehindAnyClientAuth(t *testing.T) {
	type wrapped struct{ ClientAuth }
	type embedded struct{ None }
	type confidential struct {
		wrapped
		declared
	}
	const removeIt, declareIt = "NoPKCE is set for a public client; remove it", "has no method Public() bool"
	for _, row := range []struct {
		auth ClientAuth
		want string // "" is no error
	}{
		{nil, removeIt},
		{None{ID: "id"}, removeIt},
		{&None{ID: "id"}, removeIt},
		{embedded{None{ID: "id"}}, removeIt},
		{wrapped{None{ID: "id"}}, declareIt},
		{wrapped{basic}, declareIt},
		{confidential{wrapped{basic}, false}, ""},
		{confidential{wrapped{basic}, true}, removeIt},
		{basic, ""},
		{&basic, ""},
		{Post{ID: "id", Secret: "s3cret"}, ""},
		{PrivateKeyJWT{ID: "id"}, ""},
		{ClientSecretJWT{ID: "id"}, ""},
		{&TLS{ID: "id"}, ""},
	} {
		s, w := serve(t, always(200, good))
		flow := AuthorizationCode{Server: s, ClientID: "id", Auth: row.auth, RedirectURL: "https://app.test/", NoPKCE: true}
		_, err := flow.AuthCodeURL(t.Context(), "s", "")
		if row.want == "" {
			if err != nil {
				t.Errorf("%T: got %v, want no error", row.auth, err)
			}
			continue
		}
		wantText(t, err, "AuthorizationCode.NoPKCE", row.want)
		_, err = flow.Exchange(t.Context(), "code", "")
		wantText(t, err, "AuthorizationCode.NoPKCE", row.want)
		if n := w.seen.Load(); n != 0 {
			t.Errorf("%T: got %d requests, want 0", row.auth, n)
		}
	}
}

type declared bool

func (d declared) Public() bool { return bool(d) }

// Any callback yields a code only with the right state and issuer, else an error
// on one line.
func FuzzCallback(f *testing.F) {
	for _, seed := range []string{"code=c&state=good-state", "code=c&state=good-state&iss=https://auth.test", "code=c&state=bad", "error=access_denied&state=good-state",
		"error=x%0Ay&error_description=%1b&state=good-state", "code=c&code=d", "%zz", ""} {
		f.Add(seed)
	}
	flow := AuthorizationCode{Server: Server{Issuer: "https://auth.test"}}
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		code, err := flow.Callback(query, "good-state")
		if (code == "") == (err == nil) {
			t.Fatalf("got code %q and error %v, want exactly one", code, err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\r\x00\x1b") {
			t.Errorf("got %q, want one line", err)
		}
		if code != "" && (query.Get("state") != "good-state" || query.Get("error") != "") {
			t.Errorf("got a code from %q, want an error", raw)
		}
	})
}
