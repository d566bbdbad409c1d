package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
)

var tlsVersions = map[string]uint16{
	"TLS10": tls.VersionTLS10, "TLS11": tls.VersionTLS11, "TLS12": tls.VersionTLS12, "TLS13": tls.VersionTLS13,
}

// config returns the configuration for crypto/tls, or the name of the setting
// that is wrong. Certificates from files are read for each connection, so that
// they may be replaced; the authorities once.
func (t *TLSConfig) config() (c *tls.Config, setting string, err error) {
	c = &tls.Config{
		ServerName: t.ServerName, InsecureSkipVerify: is(t.InsecureSkipVerify, false),
		MinVersion: tlsVersions[t.MinVersion], MaxVersion: tlsVersions[t.MaxVersion],
	}
	if t.CA != "" || t.CAFile != "" {
		setting, text := "ca", t.CA
		if t.CAFile != "" {
			data, err := readLimited(string(t.CAFile))
			if err != nil {
				return nil, "ca_file", err
			}
			setting, text = "ca_file", string(data)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(text)) {
			return nil, setting, errors.New("there is no certificate in PEM in it")
		}
	}
	hasCert, hasKey := t.Cert != "" || t.CertFile != "", t.Key != "" || t.KeyFile != ""
	switch {
	case hasCert && !hasKey:
		return nil, "", errors.New("there is a certificate without its key; set key or key_file")
	case hasKey && !hasCert:
		return nil, "", errors.New("there is a key without its certificate; set cert or cert_file")
	case hasCert:
		if _, err := t.certificate(); err != nil {
			return nil, "", err
		}
		// Not Certificates: crypto/tls does not send a self-signed one of those
		// to a server that lists its authorities.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return t.certificate() }
	}
	return c, "", nil
}

func (t *TLSConfig) certificate() (*tls.Certificate, error) {
	cert, key := []byte(t.Cert), []byte(t.Key)
	var err error
	if t.CertFile != "" {
		if cert, err = readLimited(string(t.CertFile)); err != nil {
			return nil, err
		}
	}
	if t.KeyFile != "" {
		if key, err = readLimited(string(t.KeyFile)); err != nil {
			return nil, err
		}
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, errors.New("the certificate and its key do not fit together, or are not in PEM")
	}
	return &pair, nil
}

// network returns a transport with those settings, nil if there are none.
func network(c *tls.Config, p proxy) *http.Transport {
	if c == nil && p.usual() {
		return nil
	}
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	if usual, ok := http.DefaultTransport.(*http.Transport); ok { // a program may have replaced it
		t = usual.Clone()
	}
	if c != nil {
		t.TLSClientConfig = c.Clone()
	}
	p.set(t)
	return t
}

// is returns what b says, or what holds if it says nothing.
func is(b *bool, otherwise bool) bool {
	if b == nil {
		return otherwise
	}
	return *b
}
