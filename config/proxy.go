package config

import (
	"net/http"
	"net/url"

	"golang.org/x/net/http/httpproxy"
)

// A proxy is how requests leave: by an HTTP proxy, but not to some hosts. The
// zero value is the proxy of the environment, if it names one.
type proxy struct {
	url    URL
	except string // hosts that url is not for
	header map[string][]Secret
	none   bool // not even that of the environment
}

// usual reports whether p is what http.DefaultTransport does.
func (p proxy) usual() bool { return p.url == "" && !p.none && len(p.header) == 0 }

// set makes t, a new transport, use p.
func (p proxy) set(t *http.Transport) {
	switch {
	case p.none:
		t.Proxy = nil
	case p.url != "":
		choose := (&httpproxy.Config{HTTPProxy: string(p.url), HTTPSProxy: string(p.url), NoProxy: p.except}).ProxyFunc()
		t.Proxy = func(r *http.Request) (*url.URL, error) { return choose(r.URL) }
	}
	if len(p.header) > 0 {
		t.ProxyConnectHeader = http.Header{}
	}
	for name, values := range p.header {
		for _, value := range values {
			t.ProxyConnectHeader.Add(name, string(value))
		}
	}
}

func (c *Client) proxy() proxy {
	return proxy{url: c.ProxyURL, except: c.NoProxy, header: c.ProxyHeader}
}

// proxy returns what Prometheus does with the block, which uses the proxy of
// the environment only if it is told to. The client's own is for a block that
// names none.
func (o *OAuth2) proxy(clients proxy) proxy {
	switch {
	case o.ProxyURL != "":
		return proxy{url: o.ProxyURL, except: o.NoProxy, header: o.ProxyHeader}
	case is(o.ProxyFromEnvironment, false):
		return proxy{header: o.ProxyHeader}
	case clients.url != "":
		return clients
	}
	return proxy{none: true}
}

// proxies checks that what is about a proxy has one.
func (k *checker) proxies(c *declared) {
	if c.ProxyURL == "" && !k.present(c, "proxy_url") {
		if c.NoProxy != "" {
			k.wrong(c, "no_proxy", "this is for proxy_url, which is not set; set it, or remove this")
		}
	}
	o := c.OAuth2
	if o == nil {
		return
	}
	environment := is(o.ProxyFromEnvironment, false)
	switch {
	case o.ProxyURL != "" && environment:
		k.wrong(c, "oauth2.proxy_from_environment", "proxy_url is set too; set one of them")
	case o.NoProxy != "" && environment:
		k.wrong(c, "oauth2.no_proxy", "proxy_from_environment takes NO_PROXY of the environment; remove one of them")
	case o.ProxyURL != "" || k.present(c, "oauth2.proxy_url"):
	case o.NoProxy != "":
		k.wrong(c, "oauth2.no_proxy", "this is for proxy_url, which is not set; set it, or remove this")
	case len(o.ProxyHeader) > 0 && !environment:
		k.wrong(c, "oauth2.proxy_connect_header", "this is for a proxy; set proxy_url or proxy_from_environment, or remove this")
	}
}
