package main

import (
	"bufio"
	"context"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"

	"example.com/bearer/bearertest"
)

func TestLoginThenTokenThenRefresh(t *testing.T) {
	for _, tt := range []struct {
		provider, auth string
		secret         string
	}{
		{"one", "none", ""},
		{"one", "client_secret_post", clientSecret},
		{"one", "client_secret_basic", clientSecret},
	} {
		t.Run(tt.auth, func(t *testing.T) {
			w := newWorld(t, bearertest.Config{Clients: []bearertest.Client{
				{ID: "client", Secret: tt.secret, Auth: []string{tt.auth}, Grants: []string{"authorization_code", "refresh_token"}},
			}})
			w.setSecret(tt.secret, tt.provider)
			w.fails(exitUsage, "is not declared", "token", tt.provider)
			args := append([]string{tt.provider}, w.endpoints()...)
			if tt.auth == "client_secret_post" { // the others go without saying
				args = append(args, "--client-auth", "post")
			}
			got := w.loggedIn(args...)
			if want := "Logged in to " + tt.provider + "."; !strings.HasPrefix(got, want) || !strings.Contains(got, "expires in 59m") {
				t.Errorf("got %q, want %q and when it expires", got, want)
			}
			first := w.ok("token", tt.provider)
			w.wantTokenRequests(1)
			if !w.accepted(first) {
				t.Errorf("got a token that the API does not accept")
			}
			for range 3 { // each refresh token can be used once
				w.expire(tt.provider)
				if next := w.ok("token", tt.provider); next == first || !w.accepted(next) {
					t.Errorf("after expiry: got the old token, or one that the API does not accept")
				}
			}
			if got := w.Counts(); got.ReuseDetected != 0 || got.TokenRequests() != 4 {
				t.Errorf("got %d token requests and %d reuses, want 4 and none", got.TokenRequests(), got.ReuseDetected)
			}
		})
	}
}

func TestTokenSaysWhenALoginIsNeeded(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.fails(exitLogin, "run bearer login matrica", "token", "matrica")
	w.loggedIn(append([]string{"acme"}, w.endpoints()...)...)
	w.RevokeAll()
	w.expire("acme")
	w.fails(exitLogin, "run bearer login acme", "token", "acme")
	w.loggedIn("acme") // everything else is declared
	if token := w.ok("token", "acme"); !w.accepted(token) {
		t.Errorf("got a token that the API does not accept")
	}
}

func TestLoginWithAnotherClientReplacesTheToken(t *testing.T) {
	w := newWorld(t, bearertest.Config{Clients: []bearertest.Client{{ID: "one", Secret: clientSecret}, {ID: "two", Secret: clientSecret}}})
	w.loggedIn(append([]string{"acme", "--client-id", "one"}, w.endpoints()...)...)
	first := w.ok("token", "acme")
	w.loggedIn("acme", "--client-id", "two")
	if second := w.ok("token", "acme"); second == first {
		t.Errorf("got the first client's token, want the second's")
	}
	if got := w.statuses(); len(got) != 1 || got[0].ClientID != "two" {
		t.Errorf("got %+v, want only the client two", got)
	}
}

func TestLoginThatIsDeclinedIsOneLine(t *testing.T) {
	w := newWorld(t, bearertest.Config{Consent: bearertest.ConsentDeny})
	status, stdout, stderr := w.login(append([]string{"acme"}, w.endpoints()...)...)
	if status != exitFailed || stdout != "" || !strings.Contains(stderr, "the user declined") {
		t.Errorf("got status %d, stdout %q and stderr %q; want 1 and that the user declined", status, stdout, stderr)
	}
	if got := w.statuses(); len(got) != 0 {
		t.Errorf("got %d things remembered, want none", len(got))
	}
}

func TestLoginByDevice(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	// The server names no interval below a second, and one poll needs none.
	w.Fault(bearertest.DeviceEndpoint, bearertest.Fault{Processed: true, Members: map[string]any{"interval": 0.01}})
	status, stdout, stderr := exec(t, "login", "acme", "--issuer", w.URL, "--device")
	if status != exitOK || !strings.Contains(stdout, "Logged in to acme.") || !strings.Contains(stderr, w.URL+"/device on any machine and enter the code ") {
		t.Errorf("got status %d, stdout %q and stderr %q; want 0 and where to enter which code", status, stdout, stderr)
	}
	w.expire("acme")
	if token := w.ok("token", "acme"); !w.accepted(token) {
		t.Errorf("got a token that the API does not accept")
	}
	w.fails(exitUsage, "--device-auth-url", append([]string{"login", "matrica", "--device"}, w.endpoints()...)...)
}

// A page that has the code filled in is shown beside the code, and a QR code
// only on a terminal.
func TestLoginByDeviceShowsThePageWithTheCode(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	login := func(members map[string]any) string {
		t.Helper()
		w.Fault(bearertest.DeviceEndpoint, bearertest.Fault{Processed: true, Members: members})
		ctx, cancel := context.WithCancel(t.Context())
		// Ends the login when the user has been told.
		cancelled := writerFunc(func(p []byte) {
			if strings.Contains(string(p), "enter the code ") {
				cancel() // only Wait heeds it
			}
		})
		var errs strings.Builder
		run(ctx, []string{"login", "acme", "--issuer", w.URL, "--device"}, strings.NewReader(""), io.Discard, io.MultiWriter(&errs, cancelled))
		return errs.String()
	}
	const complete = "https://auth.example.com/device?user_code=WDJB-MJHT"
	got := login(map[string]any{"verification_uri_complete": complete})
	if !strings.Contains(got, "/device on any machine and enter the code ") || !strings.Contains(got, "\n"+complete+"\n") {
		t.Errorf("got %q, want the page, the code, and the page with the code", got)
	}
	if r, found := invisible(got); found || strings.Contains(got, "▄") {
		t.Errorf("got %U or a QR code in %q, want neither where there is no terminal", r, got)
	}
	if got := login(map[string]any{"verification_uri_complete": nil}); strings.Contains(got, "Or open") {
		t.Errorf("got %q, want no other page", got)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

// Anyone can send the browser back with an error that has no state. The user is
// told, and can still log in.
func TestLoginShowsARefusalWithoutAState(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	r, errs := io.Pipe()
	said := make(chan string)
	go func() { // ends when errs is closed, after the command has ended
		var all strings.Builder
		pages := 0
		var browser sync.WaitGroup
		for lines := bufio.NewScanner(r); lines.Scan(); {
			line := lines.Text()
			all.WriteString(line + "\n")
			if !strings.HasPrefix(line, "http") {
				continue
			}
			if pages++; pages > 1 {
				browser.Go(func() { browse(t, line) }) // after all
				continue
			}
			page, err := url.Parse(line)
			if err != nil {
				t.Error(err)
				continue
			}
			browser.Go(func() { browse(t, page.Query().Get("redirect_uri")+"?error=access_denied") })
		}
		browser.Wait() // before the server and the test end
		said <- all.String()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out strings.Builder
	args := append([]string{"login", "acme", "--no-browser"}, w.endpoints()...)
	status := run(ctx, args, strings.NewReader(""), &out, errs)
	errs.Close()
	if got := <-said; status != exitOK || !strings.Contains(got, "Note: the browser came back with error access_denied but without a state") {
		t.Errorf("got status %d and stderr %q, want 0, and why the browser came back", status, got)
	}
}

func TestLoginGetsTheRegisteredRedirectURL(t *testing.T) {
	w := newWorld(t, bearertest.Config{Clients: []bearertest.Client{
		{ID: "client", Secret: clientSecret, RedirectURIs: []string{"http://127.0.0.1/other"}},
	}})
	w.loggedIn(append([]string{"metafy", "--redirect-url", "http://127.0.0.1/other"}, w.endpoints()...)...)
	w.fails(exitFailed, "not this machine", "login", "metafy", "--redirect-url", "http://example.com/")
}

func TestLoginOfAnApplicationIsAMistake(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.fails(exitUsage, "bearer token matter", "login", "matter")
	w.fails(exitUsage, "--issuer", "login", "acme")
	w.fails(exitUsage, "--auth-url", "login", "acme", "--token-url", w.Endpoint(bearertest.TokenEndpoint))
	w.fails(exitUsage, "is not a name", "login", "../acme", "--issuer", w.URL)
	w.fails(exitUsage, "one argument", "login")
	w.fails(exitUsage, "--client-auth must be", "login", "matrica", "--client-auth", "guess")
	w.fails(exitUsage, "--store must be", "login", "matrica", "--store", "cloud")
	t.Setenv(clientVariable, "")
	w.fails(exitUsage, clientVariable, "login", "matrica")
}
