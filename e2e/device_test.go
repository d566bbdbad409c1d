package e2e

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"example.com/bearer"
	"example.com/bearer/grant"

	"github.com/chromedp/chromedp"
	"golang.org/x/oauth2"
)

// A user lets a device in from a browser (RFC 8628), while the device asks at
// the pace that the server wants, which slows down meanwhile.
func TestDeviceGranted(t *testing.T) {
	s := need(t)
	before := s.seen(t)
	device, answers := s.device(t)
	prompt, wait := startDevice(t, device)
	<-answers // told to slow down; the user had not decided yet

	browser := newBrowser(t)
	browse(t, browser,
		chromedp.Navigate(prompt.VerificationURIComplete),
		chromedp.Click(chromedp.CSS(`button[form="op.deviceConfirmForm"]:not([name])`)))
	browse(t, browser, signIn("ann")...)
	browse(t, browser, grantConsent())

	token, err := wait()
	if err != nil {
		t.Fatalf("Wait: %v", err)
	}
	cache := &bearer.Cache{Source: device}
	if err := cache.Set(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &bearer.Transport{Source: cache}}
	if status, err := s.get(t.Context(), client); err != nil || status != http.StatusOK {
		t.Errorf("GET /api: got %d, %v, want 200", status, err)
	}
	if _, err := cache.Renew(t.Context(), token); err != nil {
		t.Errorf("Renew, by the refresh token: %v", err)
	}
	after := s.seen(t)
	slowDowns, hasty := after.SlowDowns-before.SlowDowns, after.Hasty-before.Hasty
	if slowDowns != 1 || hasty != 0 {
		t.Errorf("polls: %d told to slow down and %d too soon, want 1 and 0", slowDowns, hasty)
	}
}

// A user who types the code and then does not let the device in is an error of its own.
func TestDeviceDeclined(t *testing.T) {
	s := need(t)
	device, _ := s.device(t)
	prompt, wait := startDevice(t, device)
	browse(t, newBrowser(t),
		chromedp.Navigate(prompt.VerificationURI),
		chromedp.SendKeys(chromedp.CSS(`input[name=user_code]`), prompt.UserCode),
		chromedp.Click(chromedp.CSS(`button[form="op.deviceInputForm"]`)),
		chromedp.Click(chromedp.CSS(`button[name=abort]`)))
	if _, err := wait(); !errors.Is(err, grant.ErrAccessDenied) {
		t.Errorf("Wait: got %v, want ErrAccessDenied", err)
	}
}

// device returns the login of a device. Each answer to a token request is
// announced on the channel, which never holds the device up.
func (s *server) device(t *testing.T) (grant.Device, <-chan struct{}) {
	t.Helper()
	answers := make(chan struct{}, 1)
	server := s.discovered(t)
	server.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if r.URL.String() == server.TokenURL {
			select {
			case answers <- struct{}{}:
			default:
			}
		}
		return resp, err
	})
	return grant.Device{Server: server, ClientID: "device", Scopes: []string{"openid", "offline_access"}}, answers
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// startDevice begins a login; wait gives its outcome.
func startDevice(t *testing.T, device grant.Device) (prompt *grant.DevicePrompt, wait func() (*oauth2.Token, error)) {
	t.Helper()
	prompt, err := device.Start(t.Context())
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	type outcome struct {
		token *oauth2.Token
		err   error
	}
	done := make(chan outcome, 1)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel) // ends the goroutine, if the test ends early
	go func() {
		token, err := device.Wait(ctx, prompt)
		done <- outcome{token, err}
	}()
	return prompt, func() (*oauth2.Token, error) {
		o := <-done
		return o.token, o.err
	}
}
