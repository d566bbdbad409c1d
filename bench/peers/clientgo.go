package peers

import (
	"context"
	"net/http"

	"golang.org/x/oauth2"
	"k8s.io/client-go/transport"
	"k8s.io/klog/v2"
)

// ClientGo is k8s.io/client-go's cached token source under its
// ResettableTokenSourceWrapTransport, so that a 401 makes it fetch another
// token. It has no margin to set, and its sources take no context.
var ClientGo = Peer{
	Name:   "client-go",
	Module: "k8s.io/client-go",
	Blocks: true,
	Transport: func(s Setup) http.RoundTripper {
		return transport.ResettableTokenSourceWrapTransport(clientGoCache(s.Fetch))(s.Base)
	},
	Tokens: func(s Setup) func(context.Context) Get {
		cache := clientGoCache(s.Fetch)
		return func(context.Context) Get {
			return func() (string, error) { return oauth2Token(cache) }
		}
	},
	Many: func(n int, fetch func(i int) Fetch) func(context.Context, int) (string, error) {
		caches := many(n, func(i int) oauth2.TokenSource { return clientGoCache(fetch(i)) })
		return func(_ context.Context, i int) (string, error) { return oauth2Token(caches[i]) }
	},
}

func clientGoCache(fetch Fetch) transport.ResettableTokenSource {
	return transport.NewCachedTokenSource(oauth2Source(fetch))
}

// client-go logs each failed refresh: it is not measured by how fast stderr is.
func init() { klog.SetLogger(klog.Logger{}) }
