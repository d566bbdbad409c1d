package grant

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Device gets tokens in the name of a user who consents on another machine than this one, which
// has no browser (RFC 8628). Start gives what to show to the user, Wait the token once the user
// has consented. It is a bearer.Source and a bearer.Refresher as [AuthorizationCode] is.
type Device struct {
	Server   Server     // DeviceAuthURL and TokenURL are required
	ClientID string     // empty: the ID of Auth
	Auth     ClientAuth // nil: None, for a public client

	Scopes   []string   // empty: what the server gives by default
	Audience string     // for servers that want to know what the token is for, such as Auth0
	Resource []string   // the same by RFC 8707: absolute URLs
	Params   url.Values // further parameters of Start's request
}

// DevicePrompt is what to show to the user, and what [Device.Wait] needs.
type DevicePrompt struct {
	UserCode                string        // to be typed in at VerificationURI
	VerificationURI         string        // an absolute http or https URL
	VerificationURIComplete string        // has the code in it, for a link or a QR code; may be empty
	DeviceCode              Secret        // the device's own half
	Expiry                  time.Time     // when the codes end; zero if the server does not say
	Interval                time.Duration // the least pause between two questions
}

const (
	deviceInterval = 5 * time.Second  // RFC 8628 section 3.2, when the server names none
	slowDown       = 5 * time.Second  // section 3.5, added for good each time
	longestPause   = 60 * time.Second // when the network fails; the user is waiting
	deviceLifetime = 30 * time.Minute // when the server names none: nobody types a code for longer
)

// Start asks the server for a code to show to the user. A refusal is an [*Error].
func (d Device) Start(ctx context.Context) (*DevicePrompt, error) {
	id, auth, err := d.client()
	if err != nil {
		return nil, err
	}
	params := url.Values{"client_id": {id}}
	if err := (target{d.Scopes, d.Audience, d.Resource, d.Params}).add(params); err != nil {
		return nil, err
	}
	a, err := call{server: d.Server, auth: auth, field: "Server.DeviceAuthURL", url: d.Server.DeviceAuthURL, params: params}.do(ctx)
	if err != nil {
		return nil, err
	}
	if e := a.refusal(); e != nil {
		return nil, e
	}
	m, err := a.members()
	if err != nil {
		return nil, a.error(err.Error() + " where a device code was expected")
	}
	prompt, err := m.prompt(a.sent)
	if err != nil {
		return nil, a.error(err.Error())
	}
	return prompt, nil
}

// Wait asks the server, at the pace it wants, until the user has decided. It ends with the
// context, with [ErrAccessDenied] when the user declines, and with [ErrCodeExpired] when nobody
// decides in time: then Start again. A network that fails for a while only slows it down.
func (d Device) Wait(ctx context.Context, prompt *DevicePrompt) (*oauth2.Token, error) {
	_, auth, err := d.client()
	if err != nil {
		return nil, err
	}
	switch {
	case ctx == nil:
		return nil, errors.New("grant: Wait: the context is nil; give one that ends when nobody waits any more")
	case prompt == nil || prompt.DeviceCode == "":
		return nil, errors.New("grant: Wait: the prompt has no DeviceCode; give the one from Start")
	}
	end := prompt.Expiry
	if end.IsZero() {
		end = time.Now().Add(deviceLifetime)
	}
	server := d.Server
	server.Retries = -1 // the loop is the retry
	interval := prompt.Interval
	if interval <= 0 {
		interval = deviceInterval
	}
	var last error // what hindered the question before
	for pause := interval; ; {
		if ctx.Err() == nil && time.Until(end) <= pause {
			return nil, expired(last)
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, fmt.Errorf("grant: waiting for the user's consent: %w", err)
		}
		token, err := server.redeem(ctx, auth, url.Values{
			"grant_type":  {"urn:ietf:params:oauth:grant-type:device_code"},
			"device_code": {string(prompt.DeviceCode)},
		}, "")
		var refusal *Error
		switch {
		case err == nil:
			return token, nil
		case unanswered(err): // back off, RFC 8628 section 3.5
			last, pause = err, min(2*pause, max(longestPause, interval))
		case !errors.As(err, &refusal): // a field is wrong: no question will ever be sent
			return nil, err
		case refusal.Code == "authorization_pending":
			last, pause = nil, interval
		case refusal.Code == "slow_down":
			interval += slowDown
			last, pause = nil, interval
		case refusal.Temporary():
			last, pause = err, max(min(2*pause, max(longestPause, interval)), refusal.RetryAfter)
		default:
			err = meaning(err, "access_denied", "the user declined, ask again only when the user wants to", ErrAccessDenied)
			for _, code := range []string{"expired_token", "invalid_grant"} {
				err = meaning(err, code, "the device code is no good any more; call Start again", ErrCodeExpired, ErrLoginRequired)
			}
			return nil, err
		}
	}
}

// Token gives [ErrLoginRequired]: there is no token without a user.
func (d Device) Token(context.Context) (*oauth2.Token, error) { return nil, ErrLoginRequired }

// Refresh redeems prev's refresh token, as [AuthorizationCode.Refresh] does.
func (d Device) Refresh(ctx context.Context, prev *oauth2.Token) (*oauth2.Token, error) {
	_, auth, err := d.client()
	if err != nil {
		return nil, err
	}
	return d.Server.refresh(ctx, auth, prev, d.Resource)
}

// unanswered reports whether err is of a question that was lost, or that could not be asked because
// a func of the caller's failed: it gave what Start needed, so it may do so again.
func unanswered(err error) bool {
	var (
		lost  *lostError
		asked *fieldError
	)
	return errors.As(err, &lost) || errors.As(err, &asked)
}

func (d Device) client() (string, ClientAuth, error) { return client("Device", d.ClientID, d.Auth) }

// prompt reads the answer of RFC 8628 section 3.2.
func (m members) prompt(sent time.Time) (*DevicePrompt, error) {
	p := &DevicePrompt{Interval: deviceInterval}
	code, err := m.text("device_code")
	if err != nil {
		return nil, err
	}
	p.DeviceCode = Secret(code)
	for name, field := range map[string]*string{
		"user_code": &p.UserCode, "verification_uri": &p.VerificationURI, "verification_uri_complete": &p.VerificationURIComplete,
	} {
		if *field, err = m.text(name); err != nil {
			return nil, err
		}
	}
	if p.VerificationURI == "" { // the name that a draft had and that Google kept
		if p.VerificationURI, err = m.text("verification_url"); err != nil {
			return nil, err
		}
	}
	switch {
	case p.DeviceCode == "":
		return nil, errors.New("device_code is missing")
	case p.UserCode == "" || p.UserCode != printable(p.UserCode, maxCode):
		return nil, errors.New("user_code is missing or cannot be shown")
	case !browsable(p.VerificationURI):
		return nil, errors.New("verification_uri is missing or no http URL")
	case p.VerificationURIComplete != "" && !browsable(p.VerificationURIComplete):
		return nil, errors.New("verification_uri_complete is no http URL")
	}
	lifetime, err := m.lifetime("expires_in")
	if err != nil {
		return nil, err
	}
	if lifetime > 0 {
		p.Expiry = sent.Add(lifetime)
	}
	interval, err := m.lifetime("interval")
	if err != nil {
		return nil, err
	}
	if interval > 0 {
		p.Interval = max(interval, time.Second) // the RFC has whole seconds; less would be a flood
	}
	return p, nil
}

// browsable reports whether a browser may be sent there: a program that opens what the server
// names must not open a file or start another program.
func browsable(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && raw == printable(raw, len(raw))
}

// expired is the end of a wait. If the last question had no answer, that may be the reason.
func expired(last error) error {
	e := &consentError{
		refusal: &Error{Code: "expired_token", hint: "nobody entered the user code in time; call Start again"},
		means:   []error{ErrCodeExpired, ErrLoginRequired},
	}
	if last != nil {
		e.refusal.problem = "at last " + strings.TrimPrefix(last.Error(), "grant: ")
		e.means = append(e.means, last)
	}
	return e
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
