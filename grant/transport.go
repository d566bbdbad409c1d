package grant

import (
	"net"
	"net/http"
	"time"
)

// shared carries the requests of every Server that has no Transport of its own. It is not
// http.DefaultTransport, which belongs to the program: others change it, wrap it in this very
// library, and fill its pool. Tokens are asked for seldom, so connections are not kept for long.
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

// only hides every method of a RoundTripper but the one. go-retryablehttp closes its client's
// idle connections after a final failure: those of the caller's transport are not its to close.
type only struct{ base http.RoundTripper }

func (o only) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := o.base.RoundTrip(r)
	if err == nil && resp != nil {
		// http.Client parses the Location even of a redirect that it is not to follow. If it cannot,
		// it loses the answer, and its error shows the whole URL.
		if _, err := r.URL.Parse(resp.Header.Get("Location")); err != nil {
			resp.Header.Del("Location")
		}
	}
	return resp, err
}

// client gives what sends the attempts of one exchange. It follows no redirect: the answer
// with the redirect is given back, and becomes an error.
func (s Server) client(auth ClientAuth) *http.Client {
	base := s.Transport
	if base == nil {
		base = ownTransport(auth)
	}
	if base == nil {
		base = shared
	}
	return &http.Client{
		Transport:     only{base},
		Timeout:       s.timeout(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ownTransport gives the transport that belongs to a client authentication, nil if it has none.
func ownTransport(auth ClientAuth) http.RoundTripper {
	if own, ok := auth.(interface{ transport() http.RoundTripper }); ok {
		return own.transport()
	}
	return nil
}
