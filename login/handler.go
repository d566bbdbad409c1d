package login

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer/grant"
)

// Handler logs users of a web application in. A request with the path of RedirectURL is the
// callback, every other one starts a login, so mount it at two paths:
//
//	mux.Handle("/login", h)
//	mux.Handle("/login/callback", h) // RedirectURL: "https://app.example.com/login/callback"
//
// A start may say where the user wants to go afterwards, see [ReturnTo].
//
// Between the two, the login is in a cookie of the user's browser, encrypted and authenticated,
// which binds the callback to that browser (RFC 9700 section 4.7). Nothing is kept on the server:
// any instance with the same Key can take the callback. Several logins may be under way in one
// browser. A Handler may be used by any number of goroutines.
type Handler struct {
	// Flow gives the grant for RedirectURL. Required. It is called for each request.
	Flow func(redirectURL string) Flow

	// RedirectURL is where the browser comes back to, as the client is registered: an absolute
	// https URL, or, for development, an http URL of a loopback host; there the cookie is sent
	// without https. Behind a proxy it is the URL outside, and the path must reach the Handler as
	// it is here: no http.StripPrefix. Required.
	RedirectURL string

	// Key is a secret of at least 32 bytes, from which the key of the cookies is derived. Take 32
	// random bytes in any encoding, such as `openssl rand -base64 32` prints. A new key ends the
	// logins that are under way and nothing else. Required.
	Key grant.Secret

	// Done is called with the token after a login. It begins the session and answers the request,
	// for example with a redirect to [ReturnTo]. Required.
	Done func(http.ResponseWriter, *http.Request, *oauth2.Token)

	// Failed is called when there is no token, to log the error, say, and answer the request. Nil
	// is [ErrorPage].
	Failed func(http.ResponseWriter, *http.Request, error)

	// Timeout is how long the user may take. 0 is 10 minutes: a web login may begin with the
	// making of an account. Negative is the same as 0, for a cookie without an end is a risk.
	Timeout time.Duration
}

func (h Handler) timeout() time.Duration {
	if h.Timeout <= 0 {
		return 10 * time.Minute
	}
	return h.Timeout
}

// setupError is a mistake in a Handler's fields. It names the field and holds no value of it, so
// that [ErrorPage] may show it.
type setupError struct{ text string }

func (e *setupError) Error() string { return "login: " + e.text }

// ServeHTTP starts a login or ends one.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if !onlyGet(w, r) {
		return
	}
	failed := h.Failed
	if failed == nil {
		failed = ErrorPage
	}
	s, err := h.setup()
	if err != nil {
		failed(w, r, err)
		return
	}
	if r.URL.Path != s.redirect.Path {
		if err := h.start(w, r, s); err != nil {
			failed(w, r, err)
		}
		return
	}
	token, r, err := h.callback(w, r, s)
	if err != nil {
		failed(w, r, err)
		return
	}
	h.Done(w, r, token)
}

// A site is a Handler whose fields have been checked.
type site struct {
	flow     Flow
	redirect *url.URL
	jar      jar
}

func (h Handler) setup() (*site, error) {
	switch {
	case h.Flow == nil:
		return nil, &setupError{"Handler.Flow is nil; set it to a func that returns the grant"}
	case h.Done == nil:
		return nil, &setupError{"Handler.Done is nil; set it to a func that takes the token"}
	case len(h.Key) < 32:
		return nil, &setupError{fmt.Sprintf("Handler.Key has %d bytes; give it 32 random ones, or more", len(h.Key))}
	}
	u, err := url.Parse(h.RedirectURL)
	switch {
	case err != nil, u.Hostname() == "", u.Scheme != "https" && u.Scheme != "http", u.User != nil, u.Fragment != "":
		return nil, &setupError{"Handler.RedirectURL is no absolute https URL; set it to the one that is registered"}
	case u.Scheme == "http" && !thisMachine(u):
		return nil, &setupError{"Handler.RedirectURL is plaintext http to another host than this machine; use https"}
	}
	if u.Path == "" {
		u.Path = "/"
	}
	flow := h.Flow(h.RedirectURL)
	if flow == nil {
		return nil, &setupError{"Handler.Flow returned nil; return the grant"}
	}
	return &site{flow, u, jar{key: h.Key, secure: u.Scheme == "https", lifetime: h.timeout()}}, nil
}

func thisMachine(u *url.URL) bool {
	_, ok := loopbackAddr(u.Hostname())
	return ok
}

// start sends the browser to the authorization server.
func (h Handler) start(w http.ResponseWriter, r *http.Request, s *site) error {
	query := r.URL.Query()
	if query.Has("state") && (query.Has("code") || query.Has("error")) {
		// Without this an authorization server that need not ask the user would send the
		// browser round in circles.
		return &setupError{"a callback came to another path than that of Handler.RedirectURL; mount the Handler there, without http.StripPrefix"}
	}
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	authURL, err := s.flow.AuthCodeURL(state, verifier)
	if err != nil {
		return err
	}
	if err := s.jar.put(w, r, state, pending{Verifier: verifier, ReturnTo: local(query.Get("return_to"))}); err != nil {
		return err
	}
	http.Redirect(w, r, authURL, http.StatusSeeOther)
	return nil
}

// callback gives the token, and the request with what [ReturnTo] needs.
func (h Handler) callback(w http.ResponseWriter, r *http.Request, s *site) (*oauth2.Token, *http.Request, error) {
	query := r.URL.Query()
	state := query.Get("state")
	p, err := s.jar.take(w, r, state)
	if err != nil {
		return nil, r, err
	}
	r = withReturnTo(r, p.ReturnTo)
	token, err := redeem(r.Context(), s.flow, query, state, p.Verifier)
	return token, r, err
}

// ErrorPage answers with a small page that says what the user can do: the user declined, the login
// took too long, or it did not work. Of the error itself it shows only a mistake in the fields of
// the [Handler].
func ErrorPage(w http.ResponseWriter, _ *http.Request, err error) {
	sitePage(err).show(w)
}
