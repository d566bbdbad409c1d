package grant

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"sync"
)

// TLS authenticates with the certificate that the client shows when it connects (RFC 8705 section
// 2): by a certificate authority, or self-signed if the server knows the key. Use it as a pointer;
// it keeps the connections, which cannot be shared with clients that show another certificate.
//
// The server must be reached at its endpoints for mutual TLS, which may be others than usual
// (section 5): set TokenURL to them.
type TLS struct {
	ID     string      // the client's id, required
	Config *tls.Config `json:"-"` // holds the certificate. Nil: Server.Transport is set, and shows it

	once sync.Once // makes own
	own  *http.Transport
}

// Authenticate implements [ClientAuth].
func (t *TLS) Authenticate(_ context.Context, r *Request) error {
	id, err := clientID("TLS", t.ID)
	if err != nil {
		return err
	}
	if (t.Config == nil) == (r.Server.Transport == nil) {
		return errors.New("TLS.Config and Server.Transport: set one, it has to show the certificate")
	}
	r.Params.Set("client_id", id)
	return nil
}

// transport gives what shows the certificate, nil if Server.Transport does.
func (t *TLS) transport() http.RoundTripper {
	if t.Config == nil {
		return nil
	}
	t.once.Do(func() {
		t.own = shared.Clone()
		t.own.TLSClientConfig = t.Config.Clone()
	})
	return t.own
}

func (t *TLS) clientID() string { return t.ID }
