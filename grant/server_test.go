package grant

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// G15: a URL that would send secrets in the clear, or that is none, is refused
// by the field's name before anything is sent, and is not shown, for it may
// hold a password.
func TestEndpointIsCheckedFirst(t *testing.T) {
	for _, row := range []struct{ url, want string }{
		{"", "Server.TokenURL is empty"},
		{"://", "cannot be parsed"},
		{"https://pa55word%zz@auth.test/", "cannot be parsed"},
		{"https://auth.test:pa55word/token", "cannot be parsed"},
		{"auth.test/token", "not an absolute https URL"},
		{"/token", "not an absolute https URL"},
		{"https:///token", "not an absolute https URL"},
		{"ftp://auth.test/token", "not an absolute https URL"},
		{"https://id:pa55word@auth.test/token", "user name or password"},
		{"https://auth.test/token#pa55word", "fragment"},
		{"https://auth.test/token#", "fragment"},
		{"http://auth.test/token", `plaintext http to "auth.test"`},
		{"http://localhost.auth.test/token", "plaintext"},
		{"http://10.0.0.1/token", "plaintext"},
	} {
		s, w := serve(t, always(200, good))
		s.TokenURL = row.url
		_, err := ClientCredentials{Server: s, Auth: basic}.Token(t.Context())
		wantText(t, err, "Server.TokenURL", row.want)
		if strings.Contains(err.Error(), "pa55word") {
			t.Errorf("URL %q: got error %q, want no password in it", row.url, err)
		}
		if got := w.seen.Load(); got != 0 {
			t.Errorf("URL %q: got %d requests, want 0", row.url, got)
		}
	}
}

func TestPlaintextToThisMachineIsAllowed(t *testing.T) {
	for _, host := range []string{"localhost", "LOCALHOST:80", "127.0.0.1:1234", "127.1.2.3", "[::1]:80"} {
		s, _ := serve(t, always(200, good))
		s.TokenURL = "http://" + host + "/token"
		if _, err := (ClientCredentials{Server: s, Auth: basic}).Token(t.Context()); err != nil {
			t.Errorf("host %s: got error %v, want none", host, err)
		}
	}
	s, _ := serve(t, always(200, good))
	s.TokenURL, s.InsecureAllowHTTP = "http://auth.test/token", true
	if _, err := (ClientCredentials{Server: s, Auth: basic}).Token(t.Context()); err != nil {
		t.Errorf("InsecureAllowHTTP: got error %v, want none", err)
	}
}

// G15: a redirect is not followed, a 307 would replay the client's secret to
// another host.
func TestRedirectIsNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		s, w := serve(t, func(_ int, r *http.Request, _ url.Values) (*http.Response, error) {
			return reply(status, "", "Location", "https://evil.test/t?canary=1"), nil
		})
		_, err := ClientCredentials{Server: s, Auth: Post{ID: "id", Secret: "s3cret"}}.Token(t.Context())
		wantText(t, err, "redirects to \"evil.test\"", "not followed")
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("status %d: got error %q, want only the host of the location", status, err)
		}
		if got := w.seen.Load(); got != 1 {
			t.Errorf("status %d: got %d requests, want 1", status, got)
		}
	}
}

// G15: a location that no URL is changes nothing. http.Client would lose the
// answer over it, and print it.
func TestRedirectToNowhereIsTheServersAnswer(t *testing.T) {
	s, w := serve(t, always(307, "", "Location", `https://evil.test/%zz?secret=pa"ss\wd`))
	_, err := ClientCredentials{Server: s, Auth: Post{ID: "id", Secret: `pa"ss\wd`}}.Token(t.Context())
	wantText(t, err, "answered 307", "not followed")
	if strings.Contains(err.Error(), "evil") || w.seen.Load() != 1 {
		t.Errorf("got %q after %d requests, want no URL in it and 1", err, w.seen.Load())
	}
}

// A client secret that cannot be sent is an error of the caller's, not of the
// server's.
func TestMissingAuthIsNamed(t *testing.T) {
	s, _ := serve(t, always(200, good))
	_, err := ClientCredentials{Server: s}.Token(t.Context())
	wantText(t, err, "Auth is nil")
	var none context.Context // what a careless caller passes
	_, err = ClientCredentials{Server: s, Auth: basic}.Token(none)
	wantText(t, err, "nil Context")
}

// go-retryablehttp closes its client's idle connections after a failure; the
// caller's are not its own.
func TestCallersIdleConnectionsAreLeftAlone(t *testing.T) {
	s, w := serve(t, always(500, ""))
	watched := &closer{wire: w}
	s.Transport, s.Retries = watched, -1
	if _, err := (ClientCredentials{Server: s, Auth: basic}).Token(context.Background()); err == nil {
		t.Fatal("got no error, want one")
	}
	if watched.closed {
		t.Error("idle connections of the caller's transport: got closed, want left alone")
	}
}

type closer struct {
	*wire
	closed bool
}

func (c *closer) CloseIdleConnections() { c.closed = true }

// A URL that is refused is shown, so that its author sees what is wrong, unless
// it may hold credentials.
func TestRefusedURLIsQuotedIfItHoldsNoCredentials(t *testing.T) {
	for raw, quoted := range map[string]bool{
		"auth.test/token": true, "ftp://auth.test/token": true, "https:///token": true, "http://auth.test/token": true,
		"http://auth.test/token?key=pa55word": false, "https://id:pa55word@auth.test/": false, "id:pa55word@auth.test/token": false,
		"/@pa55word": false, "mailto:pa55word": false, "https://auth.test/#pa55word": false, "ftp://auth.test/%zz": false,
	} {
		_, err := Server{}.endpoint("Server.TokenURL", raw)
		wantText(t, err, "Server.TokenURL")
		if got := strings.Contains(err.Error(), strconv.Quote(raw)); got != quoted || strings.Contains(err.Error(), "pa55word") {
			t.Errorf("%s: got %q, want it quoted: %v", raw, err, quoted)
		}
	}
}
