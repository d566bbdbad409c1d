package login

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
)

// A login is a real round trip: browser, consent, callback, exchange, page.
func TestLoopbackLogsIn(t *testing.T) {
	srv := bearertest.Start(t, bearertest.Config{})
	var started string
	var resp *http.Response
	var body string
	shown := make(chan struct{})
	token, err := Loopback{
		Flow: codeFlow(srv),
		Open: func(u string) error {
			defer close(shown)
			started = u
			resp, body = fetch(t, srv.Client(), u)
			return nil
		},
	}.Login(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	<-shown
	if token.AccessToken == "" || token.RefreshToken == "" {
		t.Error("got a token without access or refresh token, want both")
	}
	wantPage(t, resp, body, programPage(nil))
	if !resp.Close {
		t.Error("the browser may keep the connection, want it told to close it")
	}

	query := mustParse(t, started).Query()
	redirect := mustParse(t, query.Get("redirect_uri"))
	if redirect.Hostname() != "127.0.0.1" || redirect.Port() == "" || redirect.Port() == "0" || redirect.Path != "/callback" {
		t.Errorf("got redirect_uri %q, want http://127.0.0.1:PORT/callback", redirect)
	}
	if got := query.Get("code_challenge_method"); got != "S256" {
		t.Errorf("got code_challenge_method %q, want S256", got)
	}
	if conn, err := net.Dial("tcp", redirect.Host); err == nil {
		conn.Close()
		t.Error("the port is open after Login has returned")
	}
}

// Each login has a new state and a new verifier.
func TestLoopbackIsFreshEachTime(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		l := Loopback{Flow: newFake, Open: visitPage(t, func(u *url.URL) {
			seen[u.Query().Get("state")] = true
			seen[u.Query().Get("code")] = true // the fake's is the verifier
		})}
		if _, err := l.Login(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 4 {
		t.Errorf("got %d different values in 2 logins, want 4", len(seen))
	}
}

// What any page or program can send to the port neither ends the login nor gets
// into it.
func TestLoopbackWaitsOnAfterStrangers(t *testing.T) {
	exchanges := 0
	l := Loopback{
		Flow: func(redirectURL string) Flow {
			return fakeFlow{redirectURL, func(code, _ string) (*oauth2.Token, error) {
				exchanges++
				if strings.Contains(code, "stranger") {
					t.Error("a stranger's code was exchanged")
				}
				return &oauth2.Token{AccessToken: "access"}, nil
			}}
		},
		Open: visitPage(t, func(u *url.URL) {
			state := u.Query().Get("state")
			for _, query := range []string{
				"", "code=stranger", "code=stranger&state=", "code=stranger&state=" + state[1:],
				"error=access_denied&state=stranger",
				"code=stranger&state=stranger&state=" + state, "code=stranger&state=" + state + "&state=" + state,
			} {
				resp, body := fetch(t, http.DefaultClient, "http://"+u.Host+u.Path+"?"+query)
				wantPage(t, resp, body, strangerPage)
				if strings.Contains(body, "stranger") {
					t.Errorf("the page repeats the query: %s", body)
				}
			}
			for _, path := range []string{"/", "/favicon.ico", u.Path + "/"} {
				resp, _ := fetch(t, http.DefaultClient, "http://"+u.Host+path+"?"+u.RawQuery)
				if resp.StatusCode != http.StatusNotFound {
					t.Errorf("%s: got status %d, want 404", path, resp.StatusCode)
				}
			}
			resp, err := http.Head(u.String())
			if err != nil {
				t.Error(err)
			} else if resp.Body.Close(); resp.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("HEAD: got status %d, want 405", resp.StatusCode)
			}
		}),
	}
	if _, err := l.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	if exchanges != 1 {
		t.Errorf("got %d exchanges, want 1", exchanges)
	}
}

// One callback counts: a reload while the code is exchanged spends nothing.
func TestLoopbackTakesOneCallback(t *testing.T) {
	var callback string
	exchanges := 0
	l := Loopback{
		Flow: func(redirectURL string) Flow {
			return fakeFlow{redirectURL, func(string, string) (*oauth2.Token, error) {
				exchanges++
				resp, body := fetch(t, http.DefaultClient, callback)
				wantPage(t, resp, body, answeredPage)
				return &oauth2.Token{AccessToken: "access"}, nil
			}}
		},
		Open: visitPage(t, func(u *url.URL) { callback = u.String() }),
	}
	if _, err := l.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	if exchanges != 1 {
		t.Errorf("got %d exchanges, want 1", exchanges)
	}
}

func TestLoopbackDeclined(t *testing.T) {
	srv := bearertest.Start(t, bearertest.Config{Consent: bearertest.ConsentDeny})
	shown := make(chan struct{})
	_, err := Loopback{
		Flow: codeFlow(srv),
		Open: func(u string) error {
			defer close(shown)
			resp, body := fetch(t, srv.Client(), u)
			wantPage(t, resp, body, programPage(grant.ErrAccessDenied))
			if strings.Contains(body, "the user said no") {
				t.Error("the page repeats error_description")
			}
			return nil
		},
	}.Login(t.Context())
	if !errors.Is(err, grant.ErrAccessDenied) {
		t.Errorf("got %v, want ErrAccessDenied", err)
	}
	<-shown
}

// If the code is refused, the page says that the login did not work, the error
// says why, and neither repeats what was sent.
func TestLoopbackExchangeFails(t *testing.T) {
	srv := bearertest.Start(t, bearertest.Config{})
	srv.Fault(bearertest.TokenEndpoint, bearertest.Fault{Status: 400, Body: `{"error":"invalid_grant"}`})
	shown := make(chan string, 1)
	_, err := Loopback{
		Flow: codeFlow(srv),
		Open: func(u string) error {
			resp, body := fetch(t, srv.Client(), u)
			wantPage(t, resp, body, programPage(grant.ErrCodeExpired))
			shown <- body
			return nil
		},
	}.Login(t.Context())
	if !errors.Is(err, grant.ErrCodeExpired) {
		t.Fatalf("got %v, want ErrCodeExpired", err)
	}
	form := srv.Requests(bearertest.TokenEndpoint)[0].Form
	body := <-shown
	for _, name := range []string{"code", "code_verifier", "client_secret"} {
		if form.Get(name) == "" {
			t.Fatalf("the test looks for nothing: no %s was sent", name)
		}
		if strings.Contains(body+err.Error(), form.Get(name)) {
			t.Errorf("%s is in the page or the error: %s\n%v", name, body, err)
		}
	}
}

func TestLoopbackEndsInTime(t *testing.T) {
	cause := errors.New("the program stops")
	for name, c := range map[string]struct {
		timeout time.Duration
		ends    error // of the context
		want    error
	}{
		"timeout":             {timeout: time.Nanosecond, want: context.DeadlineExceeded},
		"context":             {ends: cause, want: cause},
		"context, no timeout": {timeout: -1, ends: context.Canceled, want: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			l := Loopback{Flow: newFake, Timeout: c.timeout, Open: func(string) error {
				if c.ends != nil {
					cancel(c.ends)
				}
				return nil // and the user never comes back
			}}
			_, err := l.Login(ctx)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if c.ends != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context.Canceled in it too", err)
			}
		})
	}
}

func TestLoopbackWithoutBrowser(t *testing.T) {
	none := errors.New("no browser here")
	token, err := Loopback{
		Flow: newFake,
		Open: func(string) error { return none },
		NoBrowser: func(u string, err error) {
			if !errors.Is(err, none) {
				t.Errorf("got %v, want what Open returned", err)
			}
			go visitPage(t, func(*url.URL) {})(u) // the user opens it; Login waits for the visit
		},
	}.Login(t.Context())
	if err != nil || token.AccessToken != "access" {
		t.Errorf("got %v, want a token", err)
	}
}

// A denial without a state is shown in the browser and told to the program,
// once; the login goes on, since anyone could have sent it.
func TestLoopbackDeclinedWithoutState(t *testing.T) {
	for query, want := range map[string]struct {
		title    string
		declined bool
		text     string // of the error
	}{
		"error=access_denied":                     {"The login was declined", true, "access_denied"},
		"error=access_denied&state=":              {"The login was declined", true, "access_denied"},
		"error=invalid_scope":                     {"The login did not work", false, "invalid_scope"},
		"error=%1b%5b2JWin+a+prize&error_uri=a":   {"The login did not work", false, "with an error"},
		"error=" + strings.Repeat("x", 41):        {"The login did not work", false, "with an error"},
		"error=access_denied&error_description=x": {"The login was declined", true, "access_denied"},
	} {
		t.Run(query, func(t *testing.T) {
			var authURL string
			calls, told := 0, make(chan struct{}, 3)
			l := Loopback{
				Flow:    newFake,
				Timeout: 10 * time.Second,
				Open: visitPage(t, func(u *url.URL) {
					authURL = u.String()
					for range 3 { // the program is told once
						resp, body := fetch(t, http.DefaultClient, "http://"+u.Host+u.Path+"?"+query)
						wantPage(t, resp, body, page{Status: http.StatusBadRequest, Title: want.title, Text: "The program is still waiting"})
					}
					<-told
				}),
				Refused: func(u string, err error) {
					calls++
					told <- struct{}{}
					if u != authURL {
						t.Errorf("got URL %q, want the one to log in with, %q", u, authURL)
					}
					if got := errors.Is(err, grant.ErrAccessDenied); got != want.declined || !strings.Contains(err.Error(), want.text) || strings.Contains(err.Error(), "prize") {
						t.Errorf("got %q, ErrAccessDenied %v, want %q in it, %v", err, got, want.text, want.declined)
					}
				},
			}
			token, err := l.Login(t.Context())
			if err != nil || token.AccessToken != "access" {
				t.Errorf("got error %v, want a token", err)
			}
			if calls != 1 {
				t.Errorf("Refused: got %d calls, want 1", calls)
			}
		})
	}
}

// Without Refused the terminal says that the login was declined, and where to
// go on.
func TestLoopbackSaysThatItWasDeclined(t *testing.T) {
	terminal, stderr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	defer stderr.Close()
	defer func(before *os.File) { os.Stderr = before }(os.Stderr)
	os.Stderr = stderr
	l := Loopback{Flow: newFake, Timeout: 10 * time.Second, Open: visitPage(t, func(u *url.URL) {
		fetch(t, http.DefaultClient, "http://"+u.Host+u.Path+"?error=access_denied")
		text := make([]byte, 4096)
		n, err := terminal.Read(text)
		if got := string(text[:n]); err != nil || !strings.Contains(got, "access_denied") || !strings.Contains(got, "\n"+u.String()+"\n") {
			t.Errorf("got %q and error %v, want access_denied and %s", got, err, u)
		}
	})}
	if _, err := l.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestLoopbackAtAGivenPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Loopback{
		Flow:        newFake,
		RedirectURL: "http://localhost:" + mustParse(t, "http://"+taken.Addr().String()).Port() + "/back/here",
		Open: visitPage(t, func(u *url.URL) {
			if got, want := u.Host+u.Path, strings.Replace(taken.Addr().String(), "127.0.0.1", "localhost", 1)+"/back/here"; got != want {
				t.Errorf("got redirect to %s, want %s", got, want)
			}
		}),
	}
	if _, err := l.Login(t.Context()); err == nil || !strings.Contains(err.Error(), "Loopback.RedirectURL") {
		t.Errorf("port taken: got %v, want an error that names Loopback.RedirectURL", err)
	}
	taken.Close()
	if _, err := l.Login(t.Context()); err != nil {
		t.Errorf("port free: got %v, want a token", err)
	}
}

// Login leaves nothing open, not even a connection that a browser opened and
// did not use.
func TestLoopbackLeavesNothing(t *testing.T) {
	var idle net.Conn
	l := Loopback{Flow: newFake, Open: visitPage(t, func(u *url.URL) {
		var err error
		if idle, err = net.Dial("tcp", u.Host); err != nil {
			t.Error(err)
		}
	})}
	if _, err := l.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("the idle connection is still served")
	}
	for strings.Contains(stacks(), "login.(*receiver)") {
		runtime.Gosched() // a goroutine that never ends makes the test time out
	}
}

// A panic in the grant reaches the caller of Login, and the port is closed.
func TestLoopbackPanickingFlow(t *testing.T) {
	var host string
	l := Loopback{
		Flow: func(redirectURL string) Flow {
			return fakeFlow{redirectURL, func(string, string) (*oauth2.Token, error) { panic("in the grant") }}
		},
		Open: func(u string) error {
			host = mustParse(t, u).Host
			if resp, err := http.Get(u); err == nil {
				resp.Body.Close()
			}
			return nil
		},
	}
	func() {
		defer func() {
			if got := recover(); got != "in the grant" {
				t.Errorf("got %v, want the grant's panic", got)
			}
		}()
		l.Login(t.Context())
	}()
	if conn, err := net.Dial("tcp", host); err == nil {
		conn.Close()
		t.Error("the port is still open")
	}
}

func TestLoopbackSetup(t *testing.T) {
	at := func(redirectURL string) Loopback { return Loopback{Flow: newFake, RedirectURL: redirectURL} }
	for name, c := range map[string]struct {
		l    Loopback
		want string
	}{
		"no flow":        {Loopback{}, "Loopback.Flow"},
		"nil flow":       {Loopback{Flow: func(string) Flow { return nil }}, "Loopback.Flow"},
		"grant's error":  {Loopback{Flow: func(string) Flow { return grant.AuthorizationCode{} }}, "Server.AuthURL"},
		"https":          {at("https://127.0.0.1/callback"), "Loopback.RedirectURL"},
		"elsewhere":      {at("http://192.0.2.1/callback"), "Loopback.RedirectURL"},
		"a name":         {at("http://app.example/callback"), "Loopback.RedirectURL"},
		"every address":  {at("http://0.0.0.0/callback"), "Loopback.RedirectURL"},
		"a password":     {at("http://user:pass@127.0.0.1/"), "Loopback.RedirectURL"},
		"a query":        {at("http://127.0.0.1/?a=b"), "Loopback.RedirectURL"},
		"a fragment":     {at("http://127.0.0.1/#"), "Loopback.RedirectURL"},
		"no URL":         {at("http://127.0.0.1:port/"), "Loopback.RedirectURL"},
		"port too large": {at("http://127.0.0.1:70000/"), "Loopback.RedirectURL"},
	} {
		t.Run(name, func(t *testing.T) {
			c.l.Open = func(string) error { t.Error("the browser was opened"); return nil }
			_, err := c.l.Login(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error that names %s", err, c.want)
			}
		})
	}
}

func newFake(redirectURL string) Flow { return fakeFlow{redirectURL: redirectURL} }

// visitPage returns a browser that opens a page, after first.
func visitPage(t *testing.T, first func(*url.URL)) func(string) error {
	return func(u string) error {
		first(mustParse(t, u))
		resp, err := http.Get(u)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
}

func mustParse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}
