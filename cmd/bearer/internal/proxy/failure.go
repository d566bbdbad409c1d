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
func failed(client string, err error) *problem {
	if t, ok := errors.AsType[*bearer.TokenError](err); ok {
		return noToken(client, t)
	}
	p := &problem{kind: "upstream", status: http.StatusBadGateway, title: "The API did not answer", client: client}
	var network net.Error
	switch {
	case errors.Is(err, bearer.ErrInsecure):
		p.kind, p.title = "insecure", "The token would travel in plaintext"
		p.detail = "The base_url of " + client + " is plaintext http. Use https, or set insecure_allow_http."
		return p
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		p.status = http.StatusGatewayTimeout
	}
	p.detail = err.Error()
	return p
}

// noToken says why there is no token, and what to do.
func noToken(client string, err *bearer.TokenError) *problem {
	p := &problem{
		kind: "no-token", status: http.StatusBadGateway, title: "There is no token, so nothing was sent", client: client,
		detail: err.Error() + ".", retryAfter: err.RetryAfter,
	}
	switch refusal, refused := errors.AsType[*oauth2.RetrieveError](err); {
	case errors.Is(err, bearer.ErrBreakerOpen):
		p.kind, p.status, p.title = "token-endpoint", http.StatusServiceUnavailable, "The token endpoint is out of order"
		p.detail += " Try again after Retry-After."
		p.retryAfter = max(p.retryAfter, time.Second)
	case errors.Is(err, bearer.ErrLoginRequired):
		p.kind, p.title, p.retryAfter = "login-required", "A login is required", 0
		p.detail += " Run: bearer login " + client
	case refused && refusal.ErrorCode == "invalid_client", refused && refusal.ErrorCode == "unauthorized_client":
		p.detail += " Check client_id, its secret or key, and auth_method of " + client + "."
	case refused && refusal.ErrorCode == "invalid_scope":
		p.detail += " Check scopes of " + client + "."
	case !err.Temporary():
		p.detail += " Check the declaration of " + client + ": bearer check --live."
	default:
		p.detail += " Try again later; bearer check --live shows whether it works."
	}
	return p
}
