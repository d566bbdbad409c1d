package grant

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"example.com/bearer/internal/mistake"
)

// ClientAuth authenticates the client to the server (RFC 6749 section 2.3).
// [Basic], [Post] and [None] are the common ones. There is no probing: the
// server's documentation says which one it wants, and a wrong guess costs an
// attempt and hides the first error.
//
// A ClientAuth may also have a method
//
//	Public() bool
//
// that reports whether the client is public (RFC 6749 section 2.1), which means
// that it proves nothing to the server. All of this package have it. A client
// whose ClientAuth does not have it is taken for public, and so must use PKCE:
// see [AuthorizationCode].
type ClientAuth interface {
	// Authenticate adds the client's credentials to r. It is called for every
	// attempt, including retries, and must be safe for concurrent use. An
	// error ends the exchange and is returned to the caller, after "grant: ".
	Authenticate(ctx context.Context, r *Request) error
}

// Request is an attempt that is about to be sent. A [ClientAuth] adds to Header
// or Params. When printed, it does not show what it carries.
type Request struct {
	Server Server      // whom it goes to
	URL    string      // the endpoint, one of Server's
	Header http.Header // never nil
	Params url.Values  // the parameters of the body, never nil

	// superseded is for [Error.Superseded]; nil if the secret is fixed.
	superseded func(context.Context) bool
}

// Format implements [fmt.Formatter]. It shows where the request goes, without
// the query, and nothing that the request carries.
func (r Request) Format(w fmt.State, _ rune) { fmt.Fprintf(w, "{URL:%q}", r.shown()) }

// MarshalText is for JSON and slog what Format is for fmt.
func (r Request) MarshalText() ([]byte, error) { return []byte(r.shown()), nil }

func (r Request) shown() string {
	address, _, _ := strings.Cut(r.URL, "?")
	return address
}

// Basic sends the client's id and secret in the Authorization header. Both are
// form-encoded first, as RFC 6749 section 2.3.1 requires.
type Basic struct {
	ID string // the client's id, required

	// Exactly one of Secret, SecretFunc and NoSecret is set. SecretFunc is
	// called for every attempt, so a rotated secret needs no restart. NoSecret
	// sends an empty secret, which some servers want of a public client; most
	// want [None].
	Secret     Secret
	SecretFunc func(context.Context) (string, error)
	NoSecret   bool

	Raw bool // do not form-encode, for servers that do not decode

	// SecretOnly sends the secret as the user name, with an empty password, as
	// some servers want an API key. It implies Raw.
	SecretOnly bool
}

// Authenticate implements [ClientAuth].
func (b Basic) Authenticate(ctx context.Context, r *Request) error {
	id, err := clientID("Basic", b.ID)
	if err != nil {
		return err
	}
	secret, err := b.secret(ctx, r)
	if err != nil {
		return err
	}
	switch {
	case b.SecretOnly:
		id, secret = secret, ""
	case b.Raw && strings.Contains(id, ":"):
		return mistake.New("Basic.ID has a colon, which cannot be sent with Raw (RFC 7617 section 2)")
	case !b.Raw:
		id, secret = url.QueryEscape(id), url.QueryEscape(secret)
	}
	basic := http.Request{Header: r.Header}
	basic.SetBasicAuth(id, secret)
	return nil
}

func (b Basic) secret(ctx context.Context, r *Request) (string, error) {
	switch {
	case b.NoSecret && (b.Secret != "" || b.SecretFunc != nil):
		return "", mistake.New("Basic.NoSecret is set, and so is Basic.Secret or Basic.SecretFunc; set one")
	case b.NoSecret:
		return "", nil
	}
	return r.secret(ctx, "Basic", b.Secret, b.SecretFunc, "if the server wants an empty secret, set Basic.NoSecret")
}

// Post sends the client's id and secret as parameters of the body. RFC 6749
// section 2.3.1 has it only for clients that cannot use [Basic].
type Post struct {
	ID string // the client's id, required

	// Exactly one of Secret and SecretFunc is set. SecretFunc is called for
	// every attempt, so a rotated secret needs no restart.
	Secret     Secret
	SecretFunc func(context.Context) (string, error)
}

// Authenticate implements [ClientAuth].
func (p Post) Authenticate(ctx context.Context, r *Request) error {
	id, err := clientID("Post", p.ID)
	if err != nil {
		return err
	}
	secret, err := r.secret(ctx, "Post", p.Secret, p.SecretFunc, "if the client has none, use None")
	if err != nil {
		return err
	}
	r.Params.Set("client_id", id)
	r.Params.Set("client_secret", secret)
	return nil
}

// None sends the client's id and proves nothing. It is for public clients
// (RFC 6749 section 2.1), such as a program on a user's machine, which cannot
// keep a secret.
type None struct {
	ID string // the client's id, required
}

// Authenticate implements [ClientAuth].
func (n None) Authenticate(_ context.Context, r *Request) error {
	id, err := clientID("None", n.ID)
	if err != nil {
		return err
	}
	r.Params.Set("client_id", id)
	return nil
}

func clientID(kind, id string) (string, error) {
	if id == "" {
		return "", mistake.Errorf("%s.ID is empty; set it to the client's id", kind)
	}
	return id, nil
}

// secret returns the secret of this attempt; without is what to do if there is
// none. If the secret comes from a func, the request remembers how to tell
// whether it has been rotated since. A hash suffices for that, so that an
// error, which may live long and be passed on, does not keep the secret.
func (r *Request) secret(ctx context.Context, kind string, fixed Secret, ask func(context.Context) (string, error), without string) (string, error) {
	switch {
	case fixed != "" && ask != nil:
		return "", mistake.Errorf("%s.Secret and %[1]s.SecretFunc are both set; set one", kind)
	case fixed == "" && ask == nil:
		return "", mistake.Errorf("%s.Secret is empty; set it or %[1]s.SecretFunc; %s", kind, without)
	case ask == nil:
		return string(fixed), nil
	}
	secret, err := ask(ctx)
	if err != nil {
		return "", &fieldError{kind + ".SecretFunc", err}
	}
	if secret == "" {
		return "", fmt.Errorf("%s.SecretFunc returned an empty secret", kind)
	}
	used := sha256.Sum256([]byte(secret))
	r.superseded = func(ctx context.Context) bool {
		secret, err := ask(ctx)
		return err == nil && secret != "" && sha256.Sum256([]byte(secret)) != used
	}
	return secret, nil
}

// clientID is for the grants, which have to name the client outside of its
// credentials too.
func (b Basic) clientID() string           { return b.ID }
func (p Post) clientID() string            { return p.ID }
func (n None) clientID() string            { return n.ID }
func (p PrivateKeyJWT) clientID() string   { return p.ID }
func (c ClientSecretJWT) clientID() string { return c.ID }

// Public reports whether there is no secret; see [ClientAuth].
func (b Basic) Public() bool { return b.NoSecret }

// Public returns false; see [ClientAuth].
func (p Post) Public() bool { return false }

// Public returns true; see [ClientAuth].
func (n None) Public() bool { return true }

// Public returns false; see [ClientAuth].
func (p PrivateKeyJWT) Public() bool { return false }

// Public returns false; see [ClientAuth].
func (c ClientSecretJWT) Public() bool { return false }

// Public returns false; see [ClientAuth].
func (t *TLS) Public() bool { return false }
