package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
	"example.com/bearer/pool"
	"example.com/bearer/providers/matrica"
	"example.com/bearer/stores/sqlstore"
)

const (
	origin = "https://app.test"
	key    = "K7Yb0tPq3nX9wE1sU6aD4hJ8kL2mR5vC"
)

// 1,000 users log in, each with a browser of their own, and see their own data
// and nobody else's. When the service has been restarted they still do, without
// another login, also those whose tokens have to be refreshed.
func TestThousandUsers(t *testing.T) {
	network := new(bearertest.Network)
	srv := bearertest.Start(t, bearertest.Config{
		Network: network, Users: names(),
		Clients: []bearertest.Client{{ID: "app", RedirectURIs: []string{origin + "/login/callback"}}},
	})
	file := filepath.Join(t.TempDir(), "tokens.db")

	first := start(t, srv, network, file)
	browsers := make([]*http.Client, users)
	each(func(i int) {
		jar, _ := cookiejar.New(nil)
		browsers[i] = &http.Client{Transport: consent{network, name(i)}, Jar: jar}
	})
	each(func(i int) { sees(t, browsers[i], name(i)) })
	if n := srv.Counts().Grants["authorization_code"].Issued; n != users {
		t.Errorf("got %d logins, want %d", n, users)
	}
	if n := first.Len(); n != users {
		t.Errorf("got %d users, want %d", n, users)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	srv.RevokeAccessTokens()
	second := start(t, srv, network, file)
	for range 2 {
		each(func(i int) { sees(t, browsers[i], name(i)) })
	}
	counts := srv.Counts()
	if n := counts.Grants["authorization_code"].Issued; n != users {
		t.Errorf("after the restart: got %d logins, want none beyond the first %d", n, users)
	}
	if n := counts.Grants["refresh_token"].Issued; n != users || counts.ReuseDetected != 0 {
		t.Errorf("after the restart: got %d refreshes and %d reused tokens, want %d and 0", n, counts.ReuseDetected, users)
	}
	for _, r := range srv.Requests(bearertest.APIEndpoint) {
		if cookies := r.Header["Cookie"]; cookies != nil {
			t.Fatalf("the API got the cookies %q, want none", cookies)
		}
	}
	if err := second.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A browser with no session, or with one that somebody made up, has to log in.
func TestNoSession(t *testing.T) {
	network := new(bearertest.Network)
	srv := bearertest.Start(t, bearertest.Config{Network: network, Clients: []bearertest.Client{{ID: "app"}}})
	p := start(t, srv, network, filepath.Join(t.TempDir(), "tokens.db"))
	for _, value := range []string{"", "made up"} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, origin+"/api/x", nil)
		if value != "" {
			req.AddCookie(&http.Cookie{Name: sessionCookie, Value: value})
		}
		resp, err := network.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || got != "/login/?return_to=%2Fapi%2Fx" {
			t.Errorf("session %q: got %d to %q, want the login", value, resp.StatusCode, got)
		}
	}
	if n := srv.Counts().Accepted + srv.Counts().Rejected; n != 0 {
		t.Errorf("the API got %d requests, want none", n)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// start starts the service, as a new process does.
func start(t *testing.T, srv *bearertest.Server, network *bearertest.Network, file string) *pool.Pool {
	t.Helper()
	db := mustOpen(file)
	t.Cleanup(func() { db.Close() })
	if _, err := db.Exec("PRAGMA synchronous = OFF"); err != nil { // the disk need not have it
		t.Fatal(err)
	}
	app := matrica.App{ClientID: "app", RedirectURL: origin + "/login/callback", Server: grant.Server{
		AuthURL: srv.Endpoint(bearertest.AuthorizeEndpoint), TokenURL: srv.Endpoint(bearertest.TokenEndpoint), Transport: network,
	}}.User()
	api, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	h, p := service(app, api, &sqlstore.Store{DB: db, Dialect: sqlstore.SQLite}, key)
	network.Handle("app.test", h)   // in place of the process before, if any
	before := http.DefaultTransport // with which the service calls the API
	http.DefaultTransport = network
	t.Cleanup(func() { http.DefaultTransport = before })
	return p
}

// sees checks what a user's browser is shown.
func sees(t *testing.T, browser *http.Client, user string) {
	resp, err := browser.Get(origin + "/api/things?of=me")
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	var echo bearertest.Echo
	if err := json.Unmarshal(body, &echo); err != nil || echo.Subject != user || echo.Path != "/api/things" {
		t.Errorf("%s: got %d %.200q (%v), want their own things", user, resp.StatusCode, body, err)
	}
}

// consent is a browser's transport, of a user who consents.
type consent struct {
	network *bearertest.Network
	user    string
}

func (c consent) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == string(bearertest.AuthorizeEndpoint) {
		req = req.Clone(req.Context())
		q := req.URL.Query()
		q.Set("login_hint", c.user)
		req.URL.RawQuery = q.Encode()
	}
	return c.network.RoundTrip(req)
}

func name(i int) string { return fmt.Sprintf("user-%04d", i) }

func names() []string {
	all := make([]string, users)
	for i := range all {
		all[i] = name(i)
	}
	return all
}

// each calls f for all users, many at once.
func each(f func(i int)) {
	var done sync.WaitGroup
	for w := range 50 {
		done.Go(func() {
			for i := w; i < users; i += 50 {
				f(i)
			}
		})
	}
	done.Wait()
}
