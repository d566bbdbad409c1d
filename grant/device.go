package grant

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Device gets tokens for a user who consents on another machine, for one that
// has no browser (RFC 8628). Start returns what to show to the user, and Wait
// returns the token once the user has consented. It is a bearer.Source and a
// bearer.Refresher, as [AuthorizationCode] is.
type Device struct {
	Server   Server     // DeviceAuthURL and TokenURL are required
	ClientID string     // empty: the ID of Auth
	Auth     ClientAuth // nil: None, for a public client

	Scopes   []string // empty: the server's default
	Audience string   // whom the token is for, if the server asks (Auth0)
	Resource []string // the same by RFC 8707: absolute URLs

	// RefreshAuth and Extras are as in [AuthorizationCode].
	RefreshAuth ClientAuth
	Extras      []string

	// Params are further parameters of Start's request, RefreshParams those of
	// Refresh's. A parameter that a field sets in the same request is an error.
	Params        url.Values
	RefreshParams url.Values

	// RefreshScopes is as in [AuthorizationCode].
	RefreshScopes bool
}

// DevicePrompt is what to show to the user, and what [Device.Wait] needs.
type DevicePrompt struct {
	UserCode        string // to be entered at VerificationURI
	VerificationURI string // an absolute http or https URL

	// VerificationURIComplete includes the user code, for a link or a QR code.
	// It may be empty.
	VerificationURIComplete string

	DeviceCode Secret        // the device's own half
	Expiry     time.Time     // of the codes; zero if the server did not say
	Interval   time.Duration // the shortest pause between two polls
}

const (
	deviceInterval = 5 * time.Second  // RFC 8628 section 3.2
	slowDown       = 5 * time.Second  // added each time, to all later pauses (section 3.5)
	longestPause   = 60 * time.Second // during an outage: the user is waiting
	deviceLifetime = 30 * time.Minute // if the server does not say
)

// Start requests a code to show to the user. A refusal is an [*Error].
func (d Device) Start(ctx context.Context) (*DevicePrompt, error) {
	id, auth, err := d.client()
	if err != nil {
		return nil, err
	}
	params := url.Values{"client_id": {id}}
	if err := d.forConsent().add(params); err != nil {
		return nil, err
	}
	// Refresh is checked now, before the user consents for nothing.
	if err := checkExtras("Device.Extras", d.Extras); err != nil {
		return nil, err
	}
	if err := d.forRefresh(nil).further.check(); err != nil {
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

// Wait polls the server, as often as it allows, until the user has decided. The
// error is [ErrAccessDenied] if the user declines, and [ErrCodeExpired] if the
// user does not decide in time; then call Start again. Another error of the
// server ends the wait at once (RFC 8628 section 3.5). A failing network, or a
// server that answers 5xx, 408 or 429 without an OAuth error, does not: the
// pauses grow, up to a minute.
//
// Wait also ends with the context. If it ends before the server says so, the
// error holds the server's last answer: [errors.As] finds it as an [*Error].
func (d Device) Wait(ctx context.Context, prompt *DevicePrompt) (*oauth2.Token, error) {
	_, auth, err := d.client()
	if err != nil {
		return nil, err
	}
	switch {
	case ctx == nil:
		return nil, errors.New("grant: Wait: the context is nil; pass one that ends when the program stops waiting")
	case prompt == nil || prompt.DeviceCode == "":
		return nil, errors.New("grant: Wait: the prompt has no DeviceCode; pass the one from Start")
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
	var past polls
	for pause := interval; ; {
		if ctx.Err() == nil && time.Until(end) <= pause {
			return nil, &waitError{"grant: the user did not decide before the user code expired; call Start again", []error{ErrCodeExpired, ErrLoginRequired}, past}
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, &waitError{"grant: waiting for the user's consent: " + err.Error(), []error{err}, past}
		}
		token, err := server.redeem(ctx, auth, url.Values{
			"grant_type":  {"urn:ietf:params:oauth:grant-type:device_code"},
			"device_code": {string(prompt.DeviceCode)},
		}, "")
		// RFC 8628 section 3.5 wants exponential backoff.
		backoff := min(2*pause, max(longestPause, interval))
		var answer *Error
		switch {
		case err == nil:
			return token, nil
		case unanswered(err):
			past.lost, pause = err, backoff
			continue
		case !errors.As(err, &answer) && ctx.Err() != nil:
			continue // the context ended before the request; sleep says so
		case answer == nil:
			return nil, err // a field is wrong: no request will ever be sent
		case answer.Code == "authorization_pending":
			pause = interval
		case answer.Code == "slow_down":
			interval += slowDown
			pause = interval
		case answer.Code == "" && unwell(answer.Status):
			pause = max(backoff, answer.RetryAfter)
		default:
			err = meaning(err, "access_denied", "the user declined, ask again only when the user wants to", ErrAccessDenied)
			for _, code := range []string{"expired_token", "invalid_grant"} {
				err = meaning(err, code, "the device code has expired or was used before; call Start again", ErrCodeExpired, ErrLoginRequired)
			}
			return nil, err
		}
		past = polls{answer: answer}
	}
}

// Token returns [ErrLoginRequired]: there is no token without the user.
func (d Device) Token(context.Context) (*oauth2.Token, error) { return nil, ErrLoginRequired }

// Refresh redeems prev's refresh token, as [AuthorizationCode.Refresh] does.
func (d Device) Refresh(ctx context.Context, prev *oauth2.Token) (*oauth2.Token, error) {
	_, auth, err := d.client()
	if err != nil {
		return nil, err
	}
	if d.RefreshAuth != nil {
		auth = d.RefreshAuth
	}
	return d.Server.refresh(ctx, auth, prev, d.forRefresh(prev), d.Extras)
}

func (d Device) forConsent() target {
	return target{d.Scopes, d.Audience, d.Resource, further{field: "Device.Params", params: d.Params}}
}

func (d Device) forRefresh(prev *oauth2.Token) target {
	t := target{resource: d.Resource, further: further{"Device.RefreshParams", d.RefreshParams, setByInRefresh}}
	if d.RefreshScopes {
		t.scopes = granted(prev, d.Scopes)
	}
	return t
}

func (d Device) client() (string, ClientAuth, error) { return client("Device", d.ClientID, d.Auth) }

// unanswered reports whether err is of a poll without an answer: the answer was
// lost, or a func of the caller's failed, which worked for Start and so may
// work again.
func unanswered(err error) bool {
	var (
		lost  *lostError
		asked *fieldError
	)
	return errors.As(err, &lost) || errors.As(err, &asked)
}

// unwell reports whether an answer without an OAuth error may come from a
// server or a proxy that is unwell for the moment. Any other status is final:
// a wrong path stays wrong, and half a token has spent the code.
func unwell(status int) bool {
	return status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests
}

// polls are what has come of the polls so far.
type polls struct {
	answer *Error // the server's last answer; nil if there was none
	lost   error  // why the last poll had no answer; nil if it had
}

// waitError ends a wait that the server has not ended.
type waitError struct {
	text  string
	ended []error // the context's error, or what an expired code means
	past  polls
}

func (e *waitError) Error() string {
	text := e.text
	if e.past.answer != nil {
		text += "; the last answer: " + strings.TrimPrefix(e.past.answer.Error(), "grant: ")
	}
	if e.past.lost != nil {
		text += "; the last poll: " + strings.TrimPrefix(e.past.lost.Error(), "grant: ")
	}
	return text
}

// Temporary reports whether it may help to wait again: not for an expired code.
func (e *waitError) Temporary() bool { return !errors.Is(e, ErrCodeExpired) }

// Unwrap returns the server's answer first, so that [errors.As] finds its code.
func (e *waitError) Unwrap() []error {
	var errs []error
	if e.past.answer != nil { // else a nil *Error would be an error
		errs = append(errs, e.past.answer)
	}
	if e.past.lost != nil {
		errs = append(errs, e.past.lost)
	}
	return append(errs, e.ended...)
}

// prompt reads the answer of RFC 8628 section 3.2. Lifetimes count from sent.
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
	if p.VerificationURI == "" { // a draft's name, which Google kept
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
		return nil, errors.New("verification_uri is missing or not an http URL")
	case p.VerificationURIComplete != "" && !browsable(p.VerificationURIComplete):
		return nil, errors.New("verification_uri_complete is not an http URL")
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
		p.Interval = max(interval, time.Second) // the RFC has whole seconds
	}
	return p, nil
}

// browsable reports whether raw is safe to open in a browser: a program that
// opens what the server names must not open a file or start another program.
func browsable(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && raw == printable(raw, len(raw))
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
