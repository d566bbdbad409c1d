package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer"
)

// failed says why a request got no answer from the API of client, and what to
// do. None of the errors holds a secret.
func (p *Proxy) failed(client string, err error) *problem {
	if t, ok := errors.AsType[*bearer.TokenError](err); ok {
		return p.noToken(client, t)
	}
	a := &problem{kind: "upstream", status: http.StatusBadGateway, title: "The API did not answer", client: client}
	var network net.Error
	switch {
	case errors.Is(err, bearer.ErrInsecure):
		a.kind, a.title = "insecure", "The token would travel in plaintext"
		a.detail = "The base_url of " + client + " is plaintext http. Use https, or set insecure_allow_http."
		return a
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		a.status = http.StatusGatewayTimeout
	}
	a.detail = "The connection to the API of " + client + " failed: " + p.Explain(err) +
		". Check base_url, and whether the API runs. It may have processed the request: send one again only if that does no harm."
	return a
}

// noToken says why there is no token, and what to do.
func (p *Proxy) noToken(client string, err *bearer.TokenError) *problem {
	a := &problem{
		kind: "no-token", status: http.StatusBadGateway, title: "There is no token, so nothing was sent", client: client,
		detail: p.Explain(err) + ".", retryAfter: err.RetryAfter,
	}
	switch refusal, refused := errors.AsType[*oauth2.RetrieveError](err); {
	case errors.Is(err, bearer.ErrBreakerOpen):
		a.kind, a.status, a.title = "token-endpoint", http.StatusServiceUnavailable, "The token endpoint is out of order"
		a.detail += " Try again after Retry-After."
		a.retryAfter = max(a.retryAfter, time.Second)
	case errors.Is(err, bearer.ErrLoginRequired):
		a.kind, a.title, a.retryAfter = "login-required", "A login is required", 0
		a.detail += " Run: bearer login " + client
	case refused && refusal.ErrorCode == "invalid_client", refused && refusal.ErrorCode == "unauthorized_client":
		a.detail += " Check client_id, its secret or key, and auth_method of " + client + "."
	case refused && refusal.ErrorCode == "invalid_scope":
		a.detail += " Check scopes of " + client + "."
	case !err.Temporary():
		a.detail += " Check the declaration of " + client + ": bearer check --live."
	default:
		a.detail += " Try again later; bearer check --live shows whether it works."
	}
	return a
}
