package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"example.com/bearer"
	"example.com/bearer/grant"
	"example.com/bearer/login"

	"github.com/chromedp/chromedp"
	"golang.org/x/oauth2"
)

// flow is a client's login. It asks for a refresh token as OpenID Connect Core
// section 11 says.
func (s *server) flow(t *testing.T, client string, auth grant.ClientAuth) grant.AuthorizationCode {
	t.Helper()
	return grant.AuthorizationCode{
		Server:   s.discovered(t),
		ClientID: client,
		Auth:     auth,
		Scopes:   []string{"openid", "offline_access"},
		Params:   url.Values{"prompt": {"consent"}},
	}
}

// at makes flow what package login wants.
func at(flow grant.AuthorizationCode) func(redirectURL string) login.Flow {
	return func(redirectURL string) login.Flow {
		flow.RedirectURL = redirectURL
		return flow
	}
}

// loggedIn returns the token of a user who consented in a browser.
func loggedIn(t *testing.T, flow grant.AuthorizationCode) *bearer.Token {
	t.Helper()
	token, err := logIn(t, at(flow), grantConsent())
	if err != nil {
		t.Fatalf("Login: %v", err)
	}
	if token.RefreshToken == "" {
		t.Fatal("Login: got no refresh token")
	}
	return token
}

// logIn has a program ask a user, who signs in and decides in a browser, and
// then sees a page of the program's.
func logIn(t *testing.T, flow func(redirectURL string) login.Flow, decision step) (*oauth2.Token, error) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	browser := newBrowser(t)
	browsed := make(chan error, 1)
	token, err := login.Loopback{
		Flow: flow,
		Open: func(url string) error {
			err := chromedp.Do(browser, slices.Concat(
				[]step{chromedp.Navigate(url)},
				signIn("ann"),
				[]step{decision, chromedp.WaitVisible(chromedp.CSS(`main h1`))})...)
			browsed <- err
			return err
		},
		NoBrowser: func(_ string, err error) { cancel(err) },
	}.Login(ctx)
	if err := <-browsed; err != nil {
		t.Errorf("browser: %v", err)
	}
	return token, err
}

// A user of a web application is sent to the server, comes back with a token,
// and goes on where the login was asked for.
func TestWebApplicationLogin(t *testing.T) {
	s := need(t)
	app := s.newWebApp(t)
	browser := newBrowser(t)
	browse(t, browser, chromedp.Navigate(app.URL+"/login?return_to=/inbox"))
	browse(t, browser, signIn("ann")...)
	browse(t, browser, grantConsent(), chromedp.WaitVisible(chromedp.CSS("#inbox")))

	token := <-app.tokens
	client := &http.Client{Transport: &bearer.Transport{Source: &bearer.Cache{
		Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return token, nil }),
	}}}
	if status, err := s.get(t.Context(), client); err != nil || status != http.StatusOK {
		t.Errorf("GET /api: got %d, %v, want 200", status, err)
	}
}

// A user of a web application who declines gets its error page.
func TestWebApplicationLoginDeclined(t *testing.T) {
	s := need(t)
	app := s.newWebApp(t)
	browser := newBrowser(t)
	browse(t, browser, chromedp.Navigate(app.URL+"/login"))
	browse(t, browser, signIn("ann")...)
	browse(t, browser, declineConsent(), chromedp.WaitVisible(chromedp.CSS("#failed")))
	if err := <-app.failures; !errors.Is(err, grant.ErrAccessDenied) {
		t.Errorf("Failed: got %v, want ErrAccessDenied", err)
	}
}

// A code that is sent to the callback by somebody else, in a browser that began
// no login, is not taken (RFC 9700 section 4.7).
func TestWebApplicationLoginOfSomebodyElse(t *testing.T) {
	s := need(t)
	app := s.newWebApp(t)
	browse(t, newBrowser(t),
		chromedp.Navigate(app.URL+"/callback?code=theirs&state=theirs&iss="+url.QueryEscape(s.Issuer)),
		chromedp.WaitVisible(chromedp.CSS("#failed")))
	if err := <-app.failures; !errors.Is(err, grant.ErrStateMismatch) {
		t.Errorf("Failed: got %v, want ErrStateMismatch", err)
	}
}

// webApp is a web application with a login.
type webApp struct {
	*httptest.Server
	tokens   chan *oauth2.Token // of logins, one at most
	failures chan error         // of logins, one at most
}

func (s *server) newWebApp(t *testing.T) *webApp {
	t.Helper()
	mux := http.NewServeMux()
	app := &webApp{httptest.NewServer(mux), make(chan *oauth2.Token, 1), make(chan error, 1)}
	t.Cleanup(app.Close)
	handler := login.Handler{
		Flow:        at(s.flow(t, "confidential", grant.Basic{ID: "confidential", Secret: plainSecret})),
		RedirectURL: app.URL + "/callback",
		Key:         "thirty-two bytes that encrypt cookies",
		Done: func(w http.ResponseWriter, r *http.Request, token *oauth2.Token) {
			app.tokens <- token
			http.Redirect(w, r, login.ReturnTo(r), http.StatusSeeOther)
		},
		Failed: func(w http.ResponseWriter, _ *http.Request, err error) {
			app.failures <- err
			fmt.Fprint(w, `<p id="failed">failed</p>`)
		},
	}
	mux.Handle("/login", handler)
	mux.Handle("/callback", handler)
	mux.HandleFunc("/inbox", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `<p id="inbox">inbox</p>`) })
	return app
}
