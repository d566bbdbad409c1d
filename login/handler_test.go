package login

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
)

const testKey = "0123456789abcdef0123456789abcdef"

// A webApp is https://app.test with a Handler, and an authorization server,
// both in memory.
type webApp struct {
	*Handler
	srv     *bearertest.Server
	network *bearertest.Network

	tokens []*oauth2.Token
	errs   []error
}

func newWebApp(t *testing.T, cfg bearertest.Config) *webApp {
	a := &webApp{network: new(bearertest.Network)}
	cfg.Network = a.network
	a.srv = bearertest.Start(t, cfg)
	a.Handler = &Handler{
		Flow:        codeFlow(a.srv),
		RedirectURL: "https://app.test/login/callback",
		Key:         testKey,
		Done: func(w http.ResponseWriter, r *http.Request, token *oauth2.Token) {
			a.tokens = append(a.tokens, token)
			fmt.Fprint(w, ReturnTo(r))
		},
		Failed: func(w http.ResponseWriter, r *http.Request, err error) {
			a.errs = append(a.errs, err)
			ErrorPage(w, r, err)
		},
	}
	a.network.Handle("app.test", a)
	return a
}

// A testBrowser keeps cookies and stops before the callback.
type testBrowser struct {
	*http.Client
	t *testing.T
}

func (a *webApp) browser(t *testing.T) testBrowser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return testBrowser{&http.Client{Transport: a.network, Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/login/callback" {
			return http.ErrUseLastResponse
		}
		return nil
	}}, t}
}

// begin starts a login, consents, and returns the URL of the callback without
// visiting it.
func (b testBrowser) begin(start string) string {
	b.t.Helper()
	resp, body := fetch(b.t, b.Client, "https://app.test"+start)
	callback := resp.Header.Get("Location")
	if !strings.HasPrefix(callback, "https://app.test/login/callback?") {
		b.t.Fatalf("got %d %q, want a redirect to the callback", resp.StatusCode, body)
	}
	return callback
}

func (a *webApp) wantRefused(t *testing.T, resp *http.Response, body string, want error) {
	t.Helper()
	if len(a.tokens) != 0 || len(a.errs) != 1 || !errors.Is(a.errs[0], want) {
		t.Errorf("got %d tokens and errors %v, want none and %v", len(a.tokens), a.errs, want)
	}
	wantPage(t, resp, body, sitePage(want))
}

func (a *webApp) wantTokenRequests(t *testing.T, want int) {
	t.Helper()
	if got := a.srv.Counts().TokenRequests(); got != want {
		t.Errorf("got %d token requests, want %d", got, want)
	}
}

// A login over real sockets and TLS, with the cookies that the browser gets.
func TestHandlerLogsIn(t *testing.T) {
	srv := bearertest.Start(t, bearertest.Config{})
	var token *oauth2.Token
	h := &Handler{Flow: codeFlow(srv), Key: testKey, Done: func(w http.ResponseWriter, r *http.Request, got *oauth2.Token) {
		token = got
		http.Redirect(w, r, ReturnTo(r), http.StatusSeeOther)
	}}
	mux := http.NewServeMux()
	mux.Handle("/login", h)
	mux.Handle("/login/callback", h)
	mux.HandleFunc("/wallets", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%d cookies at %s", len(r.Cookies()), r.URL)
	})
	app := httptest.NewTLSServer(mux)
	defer app.Close()
	h.RedirectURL = app.URL + "/login/callback"

	client := app.Client()
	client.Jar, _ = cookiejar.New(nil)
	var hops []*http.Response
	client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		hops = append(hops, r.Response)
		return nil
	}
	_, body := fetch(t, client, app.URL+"/login?return_to=%2Fwallets%3Fpage%3D2")
	if want := "1 cookies at /wallets?page=2"; body != want {
		t.Errorf("got %q, want %q", body, want)
	}
	if token == nil || token.AccessToken == "" || token.RefreshToken == "" {
		t.Fatal("got no token, want one with a refresh token")
	}
	if len(hops) != 3 || len(hops[0].Cookies()) != 1 || len(hops[2].Cookies()) != 1 {
		t.Fatalf("got %d redirects, want 3, the first and the last with a cookie", len(hops))
	}
	for _, i := range []int{0, 2} {
		for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
			if got := hops[i].Header.Get(name); got != want {
				t.Errorf("redirect %d: got %s %q, want %q", i, name, got, want)
			}
		}
	}
	c, state := hops[0].Cookies()[0], mustParse(t, hops[0].Header.Get("Location")).Query().Get("state")
	if c.Name != "__Host-login-"+state || c.Path != "/" || c.Domain != "" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 600 {
		t.Errorf("got cookie %v, want __Host-login-STATE, Path=/, Secure, HttpOnly, SameSite=Lax, Max-Age=600", c)
	}
	if spent := hops[2].Cookies()[0]; spent.Name != c.Name || spent.Value == c.Value || spent.MaxAge != 60 {
		t.Errorf("got cookie %v after the login, want the first one replaced, Max-Age=60", spent)
	}
	if verifier := srv.Requests(bearertest.TokenEndpoint)[0].Form.Get("code_verifier"); verifier == "" || strings.Contains(c.Value, verifier) {
		t.Errorf("got the verifier in the clear in the cookie, or no verifier, want it sealed")
	}
}

// A callback counts once: in another browser it is refused, and its code is not
// sent again.
func TestHandlerRefusesReplay(t *testing.T) {
	a := newWebApp(t, bearertest.Config{})
	b := a.browser(t)
	callback := b.begin("/login")
	fetch(t, b.Client, callback)
	if len(a.tokens) != 1 {
		t.Fatalf("got %d tokens, want 1: %v", len(a.tokens), a.errs)
	}
	a.tokens = nil
	resp, body := fetch(t, a.browser(t).Client, callback)
	a.wantRefused(t, resp, body, grant.ErrStateMismatch)
	a.wantTokenRequests(t, 1)
}

// An attacker's callback in a victim's browser does not log the victim in as
// the attacker.
func TestHandlerRefusesAnotherBrowsersLogin(t *testing.T) {
	a := newWebApp(t, bearertest.Config{})
	callback := a.browser(t).begin("/login")
	victim := a.browser(t)
	victim.begin("/login") // the victim has a login under way, too
	resp, body := fetch(t, victim.Client, callback)
	a.wantRefused(t, resp, body, grant.ErrStateMismatch)
	a.wantTokenRequests(t, 0)
}

// Two tabs of a browser log in, and end in the other order.
func TestHandlerSeveralLoginsAtOnce(t *testing.T) {
	a := newWebApp(t, bearertest.Config{})
	b := a.browser(t)
	first, second := b.begin("/login?return_to=/first"), b.begin("/login?return_to=/second")
	for _, c := range []struct{ callback, want string }{{second, "/second"}, {first, "/first"}} {
		if _, body := fetch(t, b.Client, c.callback); body != c.want {
			t.Errorf("got %q, want %q: %v", body, c.want, a.errs)
		}
	}
	if len(a.tokens) != 2 {
		t.Errorf("got %d tokens, want 2", len(a.tokens))
	}
}

// Logins that are begun and abandoned do not fill the header that each request
// carries.
func TestHandlerBoundsPendingLogins(t *testing.T) {
	a := newWebApp(t, bearertest.Config{})
	b := a.browser(t)
	var last string
	for range maxPending + 3 {
		last = b.begin("/login?return_to=/" + strings.Repeat("x", maxReturnTo-1))
	}
	cookies, size := b.Jar.Cookies(mustParse(t, last)), 0
	for _, c := range cookies {
		size += len(c.String())
	}
	if len(cookies) != maxPending || size > 6<<10 {
		t.Errorf("got %d cookies of %d bytes, want %d of at most 6 KiB", len(cookies), size, maxPending)
	}
	if _, body := fetch(t, b.Client, last); len(a.tokens) != 1 {
		t.Errorf("the newest login: got %q, want a token", body)
	}
}

// The cookie says itself when it expires; the browser is not trusted with that.
func TestHandlerExpires(t *testing.T) {
	for _, c := range []struct {
		timeout, wait time.Duration
		want          error
	}{
		{0, 10*time.Minute - time.Second, nil},
		{0, 10 * time.Minute, grant.ErrStateMismatch},
		{time.Hour, 59 * time.Minute, nil},
		{time.Hour, time.Hour, grant.ErrStateMismatch},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := newWebApp(t, bearertest.Config{CodeLifetime: 2 * time.Hour})
			a.Timeout = c.timeout
			b := a.browser(t)
			callback := b.begin("/login")
			cookies := b.Jar.Cookies(mustParse(t, callback))
			time.Sleep(c.wait)
			req := httptest.NewRequest("GET", callback, nil)
			for _, cookie := range cookies { // of a browser that deletes nothing
				req.AddCookie(cookie)
			}
			w := httptest.NewRecorder()
			a.ServeHTTP(w, req)
			if c.want != nil {
				a.wantRefused(t, w.Result(), w.Body.String(), c.want)
			} else if len(a.tokens) != 1 {
				t.Errorf("after %v of %v: got %v, want a token", c.wait, c.timeout, a.errs)
			}
		})
	}
}

// A code that has expired has its own error.
func TestHandlerCodeExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newWebApp(t, bearertest.Config{})
		b := a.browser(t)
		callback := b.begin("/login")
		time.Sleep(2 * time.Minute)
		resp, body := fetch(t, b.Client, callback)
		a.wantRefused(t, resp, body, grant.ErrCodeExpired)
	})
}

func TestHandlerDeclined(t *testing.T) {
	a := newWebApp(t, bearertest.Config{Consent: bearertest.ConsentDeny})
	b := a.browser(t)
	resp, body := fetch(t, b.Client, b.begin("/login"))
	a.wantRefused(t, resp, body, grant.ErrAccessDenied)
	a.wantTokenRequests(t, 0)
}

// A cookie is refused if it was changed, belongs to another login, or was
// sealed with another key.
func TestHandlerRefusesForgedCookies(t *testing.T) {
	for name, forge := range map[string]func(a *webApp, value, other string) string{
		"changed": func(_ *webApp, value, _ string) string {
			b := []byte(value)
			b[30] ^= 'A' ^ 'B' // another letter, or not base64 at all
			return string(b)
		},
		"cut":           func(_ *webApp, value, _ string) string { return value[:20] },
		"empty":         func(*webApp, string, string) string { return "" },
		"no base64":     func(*webApp, string, string) string { return "!" },
		"another login": func(_ *webApp, _, other string) string { return other },
		"another key": func(a *webApp, value, _ string) string {
			a.Key = "fedcba9876543210fedcba9876543210"
			return value
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newWebApp(t, bearertest.Config{})
			b := a.browser(t)
			b.begin("/login")
			callback := b.begin("/login")
			u := mustParse(t, callback)
			cookies := b.Jar.Cookies(u)
			mine, other := cookies[0], cookies[1]
			if !strings.HasSuffix(mine.Name, u.Query().Get("state")) {
				mine, other = other, mine
			}
			req := httptest.NewRequest("GET", callback, nil)
			req.AddCookie(&http.Cookie{Name: mine.Name, Value: forge(a, mine.Value, other.Value)})
			w := httptest.NewRecorder()
			a.ServeHTTP(w, req)
			a.wantRefused(t, w.Result(), w.Body.String(), grant.ErrStateMismatch)
			a.wantTokenRequests(t, 0)
		})
	}
}

// No page repeats anything of the query, whether the state is right or wrong.
func TestHandlerEchoesNothing(t *testing.T) {
	a := newWebApp(t, bearertest.Config{})
	b := a.browser(t)
	state := mustParse(t, b.begin("/login")).Query().Get("state")
	canary := "<script>canary</script>"
	for _, query := range []url.Values{
		{"state": {state}, "error": {canary}, "error_description": {canary}, "error_uri": {canary}},
		{"state": {canary}, "code": {canary}},
		{"error": {canary}},
		{canary: {canary, canary}},
		{},
	} {
		resp, body := fetch(t, b.Client, "https://app.test/login/callback?"+query.Encode())
		if resp.StatusCode < 400 || strings.Contains(body, "canary") {
			t.Errorf("%v: got %d %s, want an error page without the query", query, resp.StatusCode, body)
		}
	}
	if len(a.errs) != 5 {
		t.Errorf("got %d errors, want 5", len(a.errs))
	}
}

// No error, page or printed Handler contains a secret.
func TestHandlerShowsNoSecret(t *testing.T) {
	for name, fault := range map[string]bearertest.Fault{
		"refused": {Status: 400, Body: `{"error":"invalid_grant"}`},
		"html":    {Status: 200, Body: "<html>"},
		"lost":    {Processed: true, Drop: true},
		"down":    {Status: 500, Times: -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newWebApp(t, bearertest.Config{})
				a.srv.Fault(bearertest.TokenEndpoint, fault)
				b := a.browser(t)
				callback := b.begin("/login")
				sealed := b.Jar.Cookies(mustParse(t, callback))[0].Value
				_, body := fetch(t, b.Client, callback)
				if len(a.errs) != 1 {
					t.Fatalf("got errors %v, want one", a.errs)
				}
				text := body + fmt.Sprintf("%v %+v %#v %+v %#v", a.errs[0], a.errs[0], a.errs[0], *a.Handler, *a.Handler)
				form := a.srv.Requests(bearertest.TokenEndpoint)[0].Form
				for _, secret := range []string{form.Get("code"), form.Get("code_verifier"), "client_secret=" + form.Get("client_secret"), sealed, testKey} {
					if secret == "" || strings.Contains(text, secret) {
						t.Errorf("got a secret, %q, in %s", secret, text)
					}
				}
			})
		})
	}
}

// A program that checks links before the user follows them must not spend the
// code.
func TestHandlerTakesGetOnly(t *testing.T) {
	a := newWebApp(t, bearertest.Config{})
	b := a.browser(t)
	callback := b.begin("/login")
	for _, method := range []string{"HEAD", "POST", "OPTIONS"} {
		for _, u := range []string{callback, "https://app.test/login"} {
			req, err := http.NewRequest(method, u, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := b.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != http.StatusMethodNotAllowed || len(resp.Cookies()) != 0 {
				t.Errorf("%s %s: got status %d and cookies %v, want 405 and none", method, req.URL.Path, resp.StatusCode, resp.Cookies())
			}
		}
	}
	if fetch(t, b.Client, callback); len(a.tokens) != 1 {
		t.Errorf("GET: got %v, want a token", a.errs)
	}
}

// Development on a loopback host works without https.
func TestHandlerOnLoopback(t *testing.T) {
	h := Handler{Flow: newFake, RedirectURL: "http://localhost:8080/callback", Key: testKey, Done: func(http.ResponseWriter, *http.Request, *oauth2.Token) {}}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost:8080/login", nil))
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || cookies[0].Secure || strings.HasPrefix(cookies[0].Name, "__") || !cookies[0].HttpOnly {
		t.Errorf("got cookies %v, want one that browsers accept over http", cookies)
	}
}

// A Handler inside http.StripPrefix would begin a new login with each callback,
// without end.
func TestHandlerAtTheWrongPath(t *testing.T) {
	a := newWebApp(t, bearertest.Config{})
	a.network.Handle("app.test", http.StripPrefix("/login", a))
	b := a.browser(t)
	resp, body := fetch(t, b.Client, b.begin("/login/start"))
	if resp.StatusCode != http.StatusInternalServerError || !strings.Contains(body, "Handler.RedirectURL") {
		t.Errorf("got %d %s, want 500 and Handler.RedirectURL named", resp.StatusCode, body)
	}
}

func TestHandlerSetup(t *testing.T) {
	good := Handler{Flow: newFake, RedirectURL: "https://app.test/callback", Key: testKey, Done: func(http.ResponseWriter, *http.Request, *oauth2.Token) {}}
	for name, c := range map[string]struct {
		change func(*Handler)
		want   string
	}{
		"no flow":      {func(h *Handler) { h.Flow = nil }, "Handler.Flow"},
		"nil flow":     {func(h *Handler) { h.Flow = func(string) Flow { return nil } }, "Handler.Flow"},
		"no done":      {func(h *Handler) { h.Done = nil }, "Handler.Done"},
		"no key":       {func(h *Handler) { h.Key = "" }, "Handler.Key"},
		"short key":    {func(h *Handler) { h.Key = grant.Secret(testKey[1:]) }, "Handler.Key"},
		"no URL":       {func(h *Handler) { h.RedirectURL = "" }, "Handler.RedirectURL"},
		"relative URL": {func(h *Handler) { h.RedirectURL = "/callback" }, "Handler.RedirectURL"},
		"not parsable": {func(h *Handler) { h.RedirectURL = "https://app.test:port/" }, "Handler.RedirectURL"},
		"plaintext":    {func(h *Handler) { h.RedirectURL = "http://app.test/callback" }, "Handler.RedirectURL"},
		"another kind": {func(h *Handler) { h.RedirectURL = "ftp://app.test/callback" }, "Handler.RedirectURL"},
	} {
		t.Run(name, func(t *testing.T) {
			h := good
			c.change(&h)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", "https://app.test/login", nil))
			if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), c.want) || len(w.Result().Cookies()) != 0 {
				t.Errorf("got %d %s, want 500, %s named, and no cookie", w.Code, w.Body, c.want)
			}
			if strings.Contains(w.Body.String(), testKey[1:]) {
				t.Error("the page shows the key")
			}
		})
	}
}

// Failed gets the grant's error about its own fields.
func TestHandlerGrantError(t *testing.T) {
	a := newWebApp(t, bearertest.Config{})
	a.Flow = func(redirectURL string) Flow { return grant.AuthorizationCode{RedirectURL: redirectURL} }
	fetch(t, a.browser(t).Client, "https://app.test/login")
	if len(a.errs) != 1 || !strings.Contains(a.errs[0].Error(), "Server.AuthURL") {
		t.Errorf("got %v, want an error that names Server.AuthURL", a.errs)
	}
}

// A denial without a state, as some servers send it, has a page that fits, and
// ends no login: anyone could have sent it.
func TestHandlerDeclinedWithoutState(t *testing.T) {
	a := newWebApp(t, bearertest.Config{})
	b := a.browser(t)
	callback := b.begin("/login")
	resp, body := fetch(t, b.Client, "https://app.test/login/callback?error=access_denied")
	a.wantRefused(t, resp, body, grant.ErrStateMismatch)
	if !strings.Contains(body, "It was declined") {
		t.Errorf("got %s, want it to mention the denial", body)
	}
	if fetch(t, b.Client, callback); len(a.tokens) != 1 {
		t.Errorf("the login itself: got %v, want a token", a.errs)
	}
}
