package grant

import (
	"net"
	"net/http"
	"time"
)

// shared carries the requests of every Server without a Transport. It is not
// http.DefaultTransport, which belongs to the program: others change it, wrap
// it in this very library, and fill its pool. Token requests are rare, so
// connections are not kept for long.
var shared = &http.Transport{
	Proxy:                  http.ProxyFromEnvironment,
	DialContext:            (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
	ForceAttemptHTTP2:      true,
	TLSHandshakeTimeout:    5 * time.Second,
	MaxIdleConns:           32,
	MaxIdleConnsPerHost:    4,
	IdleConnTimeout:        30 * time.Second,
	ExpectContinueTimeout:  time.Second,
	MaxResponseHeaderBytes: 64 << 10,
}

// only hides every method of a RoundTripper but RoundTrip. go-retryablehttp
// closes its client's idle connections after a final failure, but those of the
// caller's transport are not its to close.
type only struct{ base http.RoundTripper }

func (o only) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := o.base.RoundTrip(r)
	if err == nil && resp != nil {
		// http.Client parses Location even if it does not follow the redirect.
		// If it cannot, it drops the answer, and its error shows the whole URL.
		if _, err := r.URL.Parse(resp.Header.Get("Location")); err != nil {
			resp.Header.Del("Location")
		}
	}
	return resp, err
}

// client returns what sends the attempts of one exchange. It follows no
// redirect: the redirect is the answer, and becomes an error.
//
// On our own transports a request that can be spent once gets a fresh
// connection. Many servers close an idle connection after 5 seconds; a request
// written at that moment fails with EOF, as one does that was processed.
// Request.Close would not do: net/http takes an idle connection for it.
func (c call) client() *http.Client {
	base := c.server.Transport
	if base == nil {
		own := shared
		if auth := mutualTLS(c.auth); auth != nil {
			own = auth.transport()
		}
		if c.once != "" {
			own = own.Clone() // not shared, so HTTP/2 cannot share its connection either
			own.DisableKeepAlives = true
		}
		base = own
	}
	return &http.Client{
		Transport:     only{base},
		Timeout:       c.server.timeout(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
