package login

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer/grant"
	"example.com/bearer/internal/origin"
)

// Handler logs in the users of a web application. A request with the path of
// RedirectURL is the callback, and any other starts a login, so mount it at two
// paths:
//
//	h := login.Handler{
//		Flow: func(redirectURL string) login.Flow {
//			return grant.AuthorizationCode{Server: server, Auth: auth, RedirectURL: redirectURL}
//		},
//		RedirectURL: "https://app.example.com/login/callback",
//		Key:         key,  // of 32 random bytes
//		Done:        done, // begins the session
//	}
//	mux.Handle("/login", h)
//	mux.Handle("/login/callback", h)
//
// A start may say where the user wants to go afterwards, see [ReturnTo].
//
// Between the two, the login is in a cookie of the user's browser, encrypted
// and authenticated. That binds the callback to this browser (RFC 9700 section
// 4.7) and to the authorization server, client and redirect URL that the login
// began with (section 4.4), so that Handlers for several servers may share a
// Key. Any instance with the same Key can take the callback. Several logins may
// be under way in one browser.
//
// The code is exchanged in the background, for at most a minute, even if the
// browser leaves meanwhile. Callbacks that arrive for the same login, such as a
// page that is reloaded, share that exchange and its outcome, until a minute
// after it. For that the process remembers the last 1024 outcomes.
//
// A Handler may be used by several goroutines at once, and may be copied.
type Handler struct {
	// Flow returns the grant for RedirectURL. Required. It is called for each
	// request.
	Flow func(redirectURL string) Flow

	// RedirectURL is where the browser comes back to, as the client is
	// registered: an absolute https URL, or, for development, an http URL of a
	// loopback host, where the cookie is sent without https. With a proxy in
	// front it is the URL that the browser sees, and its path must reach the
	// Handler unchanged: no http.StripPrefix. Required.
	RedirectURL string

	// Key is a secret of at least 32 bytes, from which the key of the cookies
	// is derived. Use 32 random bytes in any encoding, such as the output of
	// `openssl rand -base64 32`. A new Key ends the logins that are under way
	// and nothing else. Required.
	Key grant.Secret

	// Done is called with the token after a login. It begins the session and
	// answers the request, for example with a redirect to [ReturnTo]. Required.
	//
	// It may run more than once for a login, each time with an equal token,
	// also at the same time: once for each callback of the login's browser that
	// arrives until a minute after the exchange. It does not run if the browser
	// left during the exchange and did not come back.
	Done func(http.ResponseWriter, *http.Request, *oauth2.Token)

	// Failed is called when a request ends without a token, to log the error,
	// for instance, and to answer the request. The error is [context.Canceled]
	// if the browser left during the exchange, as it does on a reload. Nil is
	// [ErrorPage].
	Failed func(http.ResponseWriter, *http.Request, error)

	// Timeout is how long the user may take. 0 is 10 minutes, since a web login
	// may begin with creating an account. Negative is the same as 0: a cookie
	// must not be valid for ever.
	Timeout time.Duration
}

func (h Handler) timeout() time.Duration {
	if h.Timeout <= 0 {
		return 10 * time.Minute
	}
	return h.Timeout
}

// setupError is a mistake in a Handler's fields. It names the field and does
// not contain its value, so that [ErrorPage] may show it.
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
		if err := s.start(w, r); err != nil {
			failed(w, r, err)
		}
		return
	}
	token, r, err := s.callback(w, r)
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
		return nil, &setupError{fmt.Sprintf("Handler.Key has %d bytes; set it to at least 32 random bytes", len(h.Key))}
	}
	u, err := url.Parse(h.RedirectURL)
	switch {
	case err != nil, u.Hostname() == "", u.Scheme != "https" && u.Scheme != "http", u.User != nil, u.Fragment != "":
		return nil, &setupError{"Handler.RedirectURL is not an absolute https URL; set it to the one that is registered"}
	case u.Scheme == "http" && !origin.Loopback(u.Hostname()):
		return nil, &setupError{"Handler.RedirectURL is plaintext http to a host other than this machine; use https"}
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

// start sends the browser to the authorization server.
func (s *site) start(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	if query.Has("state") && (query.Has("code") || query.Has("error")) {
		// A login that starts here would end here again: with a server that
		// does not ask the user each time, the browser would go round in
		// circles.
		return &setupError{"a callback came to a path other than that of Handler.RedirectURL; mount the Handler there, without http.StripPrefix"}
	}
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	authURL, bound, err := s.authURL(r.Context(), state, verifier)
	if err != nil {
		return err
	}
	p := pending{Verifier: verifier, ReturnTo: local(query.Get("return_to"))}
	if err := s.jar.put(w, r, state, bound, p); err != nil {
		return err
	}
	http.Redirect(w, r, authURL, http.StatusSeeOther)
	return nil
}

// callback returns the token, and the request with what [ReturnTo] needs.
func (s *site) callback(w http.ResponseWriter, r *http.Request) (*oauth2.Token, *http.Request, error) {
	query := r.URL.Query()
	state := query.Get("state")
	if !s.jar.has(r, state) {
		return nil, r, errNoLogin
	}
	// Only the grant knows its server and client. The URL is not used, so the
	// login's own verifier, which is still sealed, is not needed.
	_, bound, err := s.authURL(r.Context(), state, oauth2.GenerateVerifier())
	if err != nil {
		return nil, r, err
	}
	p, err := s.jar.get(r, state, bound)
	if err != nil {
		return nil, r, err
	}
	r = withReturnTo(r, p.ReturnTo)
	token, err := redeemed.once(r.Context(), state, p, func(ctx context.Context) (*oauth2.Token, error) {
		return redeem(ctx, s.flow, query, state, p.Verifier)
	})
	if !p.spent() {
		if err := s.jar.spend(w, state, bound, p); err != nil {
			return nil, r, err
		}
	}
	return token, r, err
}

// authURL returns the URL to send the browser to, and what the login is bound
// to.
func (s *site) authURL(ctx context.Context, state, verifier string) (authURL, bound string, err error) {
	authURL, err = s.flow.AuthCodeURL(ctx, state, verifier)
	if err != nil {
		return "", "", err
	}
	bound, err = bind(state, authURL, s.redirect.String())
	return authURL, bound, err
}

// ErrorPage answers with a small page that tells the user what to do: the user
// declined, the login took too long, or it did not work. Of the error itself it
// shows only a mistake in the fields of the [Handler].
func ErrorPage(w http.ResponseWriter, _ *http.Request, err error) {
	sitePage(err).show(w)
}
