package proxy

import (
	"crypto/tls"
	"strings"
	"sync"
)

// A Certificate is read from its files for each connection, so that it may be
// replaced while the proxy runs. While the files do not fit together, the one
// before is used.
type Certificate struct {
	certFile, keyFile string

	mu   sync.Mutex // guards last
	last *tls.Certificate
}

// OpenCertificate reads a certificate and its key, in PEM.
func OpenCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	c.last = &pair
	return c, nil
}

// get implements [tls.Config.GetCertificate].
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.last = &pair
	}
	return c.last, nil
}

// has reports whether the certificate is for that name.
func (c *Certificate) has(name string) bool {
	c.mu.Lock()
	leaf := c.last.Leaf
	c.mu.Unlock()
	return leaf.VerifyHostname(name) == nil
}

// name returns a name that the certificate is for, empty if it has none that
// can stand in a URL.
func (c *Certificate) name() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range c.last.Leaf.DNSNames {
		if !strings.HasPrefix(name, "*") {
			return name
		}
	}
	return ""
}
