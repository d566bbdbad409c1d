package bearer

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer/internal/mistake"
)

// Token is an access token with what came with it. It is shared by all callers
// that get it: do not change one.
type Token = oauth2.Token

// A Source obtains a token from scratch, each time it is asked: caching is the
// [Cache]'s work. Token returns soon after ctx ends. A Cache calls it once at a
// time, unless an earlier call has outlived its context.
//
// An error that says what the authorization server said is, or wraps, an
// [*oauth2.RetrieveError], as those of golang.org/x/oauth2 and of this module's
// package grant: from it a Cache learns whether to ask again. Of other errors,
// one with a method Temporary() bool that returns false is not repeated while
// callers wait; any other counts as an endpoint that is out of order.
//
// A *clientcredentials.Config of golang.org/x/oauth2 is a Source as it is.
type Source interface {
	Token(ctx context.Context) (*Token, error)
}

// A Refresher is a [Source] that can redeem a refresh token (RFC 6749 section
// 6). Refresh is preferred to Token when prev.RefreshToken is not empty. An
// answer without a refresh token means that the old one stays in use. It is
// called as Token is, and its errors say as much.
type Refresher interface {
	Refresh(ctx context.Context, prev *Token) (*Token, error)
}

// SourceFunc makes a function a [Source].
type SourceFunc func(ctx context.Context) (*Token, error)

// Token calls f.
func (f SourceFunc) Token(ctx context.Context) (*Token, error) {
	if f == nil {
		return nil, mistake.New("SourceFunc is nil: give it a function")
	}
	return f(ctx)
}

// FromOAuth2 makes an [oauth2.TokenSource] a [Source].
//
// Give it one that does not cache. What is wrapped in
// [oauth2.ReuseTokenSource] returns the same token again when it is asked for
// another one: a rejected token cannot be renewed then, and it is refreshed
// only when that wrapper thinks so. An oauth2.TokenSource has no context; the
// Cache stops waiting for it after its RefreshTimeout all the same.
func FromOAuth2(ts oauth2.TokenSource) Source {
	return SourceFunc(func(context.Context) (*Token, error) {
		if ts == nil {
			return nil, mistake.New("FromOAuth2 was given a nil oauth2.TokenSource")
		}
		return ts.Token()
	})
}

// check says what is wrong with a token that a Source returned, so that it is
// said once, here, and not by every request that would carry it. It never
// shows the token.
func check(t *Token) error {
	switch {
	case t == nil:
		return mistake.New("the Source returned neither a token nor an error")
	case t.AccessToken == "":
		return mistake.New("the Source returned a token whose AccessToken is empty")
	}
	if err := checkHeader(t); err != nil {
		return mistake.New(err.Error())
	}
	return nil
}

// checkExpiry says that a token that a Source returned has expired at now.
func checkExpiry(t *Token, now time.Time) error {
	if t.Expiry.IsZero() || now.Before(t.Expiry) {
		return nil
	}
	return mistake.Errorf("the Source returned a token that expired %v ago: it must return a new one each time; if it does, compare the clocks of this machine and the server",
		now.Sub(t.Expiry).Round(time.Millisecond))
}

// checkHeader says why a token cannot be sent as a bearer token.
func checkHeader(t *Token) error {
	if t.TokenType != "" && !strings.EqualFold(t.TokenType, "Bearer") {
		return fmt.Errorf("the token's TokenType is %.20q, and only Bearer tokens can be sent (RFC 6750)", t.TokenType)
	}
	for i := range len(t.AccessToken) {
		if b := t.AccessToken[i]; b <= ' ' || b == 0x7f {
			return fmt.Errorf("the token's AccessToken has the byte %#02x at offset %d, which cannot stand in an Authorization header: trim it", b, i)
		}
	}
	return nil
}
