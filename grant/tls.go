package grant

import (
	"context"
	"crypto/tls"
	"net/http"
	"sync"

	"example.com/bearer/internal/mistake"
)

// TLS authenticates with the certificate that the client presents when it
// connects (RFC 8705 section 2): issued by a certificate authority, or
// self-signed if the server knows the key. It uses the endpoints of
// [Server.MTLSAliases] where they are set. Use it as a pointer: it keeps the
// connections, which clients with other certificates cannot share.
//
// A server that lists the certificate authorities it accepts is not sent a
// self-signed certificate from [tls.Config.Certificates], nor one from any
// other authority: crypto/tls sends none instead. Set
// [tls.Config.GetClientCertificate], whose certificate is always sent.
type TLS struct {
	ID     string      // the client's id, required
	Config *tls.Config `json:"-"` // holds the certificate; nil: Server.Transport is set and presents it

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
		return mistake.New("TLS.Config and Server.Transport: set one of them, to present the certificate")
	}
	if t.Config != nil && len(t.Config.Certificates) == 0 && t.Config.GetClientCertificate == nil {
		return mistake.New("TLS.Config has no certificate; set its Certificates or GetClientCertificate")
	}
	r.Params.Set("client_id", id)
	return nil
}

// transport returns the transport that presents the certificate.
func (t *TLS) transport() *http.Transport {
	t.once.Do(func() {
		t.own = shared.Clone()
		t.own.TLSClientConfig = t.Config.Clone()
	})
	return t.own
}

func (t *TLS) clientID() string { return t.ID }

// mutualTLS returns the TLS that auth is or wraps, nil if there is none.
func mutualTLS(auth ClientAuth) *TLS {
	if auth, ok := auth.(interface{ mutualTLS() *TLS }); ok {
		return auth.mutualTLS()
	}
	return nil
}

func (t *TLS) mutualTLS() *TLS { return t }
