package grant

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// ClientAuth proves to the server who the client is (RFC 6749 section 2.3). [Basic], [Post] and
// [None] are the common ones. There is no probing: which one a server wants is in its
// documentation, and a wrong guess costs an attempt and hides the first error.
type ClientAuth interface {
	// Authenticate adds the client's credentials to r. It is called anew for every attempt, a
	// retry too, and at the same time by any number of goroutines. An error ends the exchange,
	// and is given to the caller with "grant: " before it.
	Authenticate(ctx context.Context, r *Request) error
}

// Request is one attempt that is about to be sent. A [ClientAuth] adds to Header or Params. It does
// not show what it carries when printed.
type Request struct {
	Server Server      // whom it goes to
	URL    string      // the endpoint, one of Server's
	Header http.Header // never nil
	Params url.Values  // the parameters of the body, never nil

	superseded func(context.Context) bool // see [Error.Superseded]; nil if the secret is fixed
}

// Format is for fmt: it shows where the request goes, without the query, and nothing that it carries.
func (r Request) Format(w fmt.State, _ rune) { fmt.Fprintf(w, "{URL:%q}", r.shown()) }

// MarshalText is for JSON and slog, as Format is for fmt.
func (r Request) MarshalText() ([]byte, error) { return []byte(r.shown()), nil }

func (r Request) shown() string {
	address, _, _ := strings.Cut(r.URL, "?")
	return address
}

// Basic sends the client's id and secret in the Authorization header, both form-encoded first,
// as RFC 6749 section 2.3.1 says.
type Basic struct {
	ID         string                                // the client's id, required
	Secret     Secret                                // exactly one of Secret and SecretFunc is set
	SecretFunc func(context.Context) (string, error) // asked for each attempt, so a rotated secret needs no restart
	Raw        bool                                  // do not form-encode, for servers that do not decode
}

// Authenticate implements [ClientAuth].
func (b Basic) Authenticate(ctx context.Context, r *Request) error {
	id, err := clientID("Basic", b.ID)
	if err != nil {
		return err
	}
	secret, err := r.secret(ctx, "Basic", b.Secret, b.SecretFunc)
	if err != nil {
		return err
	}
	if !b.Raw {
		id, secret = url.QueryEscape(id), url.QueryEscape(secret)
	} else if strings.Contains(id, ":") {
		return errors.New("Basic.ID has a colon, which cannot be sent with Raw (RFC 7617 section 2)")
	}
	basic := http.Request{Header: r.Header}
	basic.SetBasicAuth(id, secret)
	return nil
}

// Post sends the client's id and secret as parameters of the body. RFC 6749 section 2.3.1 has
// it only for servers that cannot do [Basic].
type Post struct {
	ID         string                                // the client's id, required
	Secret     Secret                                // exactly one of Secret and SecretFunc is set
	SecretFunc func(context.Context) (string, error) // asked for each attempt, so a rotated secret needs no restart
}

// Authenticate implements [ClientAuth].
func (p Post) Authenticate(ctx context.Context, r *Request) error {
	id, err := clientID("Post", p.ID)
	if err != nil {
		return err
	}
	secret, err := r.secret(ctx, "Post", p.Secret, p.SecretFunc)
	if err != nil {
		return err
	}
	r.Params.Set("client_id", id)
	r.Params.Set("client_secret", secret)
	return nil
}

// None sends the client's id and proves nothing: for public clients (RFC 6749 section 2.1), such
// as a program on a user's machine, which could not keep a secret.
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
		return "", fmt.Errorf("%s.ID is empty; set it to the client's id", kind)
	}
	return id, nil
}

// secret gives the secret of this attempt. When it comes from a func, the request remembers how
// to tell whether it has been rotated since. For that a hash is enough, so that an error, which
// may live long and be passed round, does not keep the secret alive.
func (r *Request) secret(ctx context.Context, kind string, fixed Secret, ask func(context.Context) (string, error)) (string, error) {
	switch {
	case fixed != "" && ask != nil:
		return "", fmt.Errorf("%s.Secret and %[1]s.SecretFunc are both set; set one", kind)
	case fixed == "" && ask == nil:
		return "", fmt.Errorf("%s.Secret is empty; set it or %[1]s.SecretFunc", kind)
	case ask == nil:
		return string(fixed), nil
	}
	secret, err := ask(ctx)
	if err != nil {
		return "", &fieldError{kind + ".SecretFunc", err}
	}
	if secret == "" {
		return "", fmt.Errorf("%s.SecretFunc gave an empty secret", kind)
	}
	used := sha256.Sum256([]byte(secret))
	r.superseded = func(ctx context.Context) bool {
		secret, err := ask(ctx)
		return err == nil && secret != "" && sha256.Sum256([]byte(secret)) != used
	}
	return secret, nil
}

// clientID is for the grants, which have to name the client outside of its credentials too.
func (b Basic) clientID() string           { return b.ID }
func (p Post) clientID() string            { return p.ID }
func (n None) clientID() string            { return n.ID }
func (p PrivateKeyJWT) clientID() string   { return p.ID }
func (c ClientSecretJWT) clientID() string { return c.ID }
