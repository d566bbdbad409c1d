package grant_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
)

func device(t *testing.T, cfg bearertest.Config) (*bearertest.Server, grant.Device, *grant.DevicePrompt) {
	t.Helper()
	cfg.Clients = []bearertest.Client{{ID: "tv"}}
	srv, server := start(t, cfg)
	d := grant.Device{Server: server, ClientID: "tv", Scopes: []string{"a"}}
	prompt, err := d.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return srv, d, prompt
}

func TestDeviceWaitsAtTheServersPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, d, prompt := device(t, bearertest.Config{Consent: bearertest.ConsentAsk, DeviceInterval: 7 * time.Second})
		if prompt.UserCode == "" || !strings.HasPrefix(prompt.VerificationURI, srv.URL) || time.Until(prompt.Expiry) != 10*time.Minute {
			t.Errorf("got code %q at %q until %v, want what the server says", prompt.UserCode, prompt.VerificationURI, prompt.Expiry)
		}
		time.AfterFunc(30*time.Second, func() { srv.Decide(prompt.UserCode, true) })
		start := time.Now()
		token, err := d.Wait(t.Context(), prompt)
		if err != nil || token.Extra("scope") != "a" {
			t.Fatalf("got %v, want a token with scope a", err)
		}
		if got, want := time.Since(start), 35*time.Second; got != want {
			t.Errorf("got the token after %v, want %v: the fifth question", got, want)
		}
		if n := srv.Counts().TokenRequests(); n != 5 {
			t.Errorf("got %d questions, want 5", n)
		}
		if _, err := d.Refresh(t.Context(), token); err != nil {
			t.Errorf("refresh: got %v", err)
		}
	})
}

// RFC 8628 section 3.5: slow_down adds five seconds, for good.
func TestDeviceSlowsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, d, prompt := device(t, bearertest.Config{})
		slow := bearertest.Fault{Status: 400, Body: `{"error":"slow_down"}`}
		srv.Fault(bearertest.TokenEndpoint, slow)
		srv.Fault(bearertest.TokenEndpoint, slow)
		start := time.Now()
		if _, err := d.Wait(t.Context(), prompt); err != nil {
			t.Fatal(err)
		}
		if got, want := time.Since(start), (5+10+15)*time.Second; got != want {
			t.Errorf("got the token after %v, want %v", got, want)
		}
	})
}

// RFC 8628 section 3.5: when nothing answers the pauses grow, and when it does they are as before.
func TestDeviceOutlivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, d, prompt := device(t, bearertest.Config{Consent: bearertest.ConsentAsk})
		srv.Fault(bearertest.TokenEndpoint, bearertest.Fault{Times: 2, Drop: true})
		srv.Fault(bearertest.TokenEndpoint, bearertest.Fault{Status: 503, Header: map[string][]string{"Retry-After": {"90"}}})
		time.AfterFunc(127*time.Second, func() { srv.Decide(prompt.UserCode, true) })
		start := time.Now()
		if _, err := d.Wait(t.Context(), prompt); err != nil {
			t.Fatal(err)
		}
		// Dropped, dropped, 503 with Retry-After, pending, and then the token.
		if got, want := time.Since(start), (5+10+20+90+5)*time.Second; got != want {
			t.Errorf("got the token after %v, want %v", got, want)
		}
		if n := srv.Counts().TokenRequests(); n != 5 {
			t.Errorf("got %d questions, want 5", n)
		}
	})
}

// What cannot pass ends the wait at once: the user would sit there for nothing. What may pass does not.
func TestDeviceWaitsOnlyForWhatMayPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, d, prompt := device(t, bearertest.Config{})
		start := time.Now()
		wrong := d
		wrong.Server.TokenURL = ""
		if _, err := wrong.Wait(t.Context(), prompt); err == nil || !strings.Contains(err.Error(), "Server.TokenURL is empty") || errors.Is(err, grant.ErrCodeExpired) {
			t.Errorf("no TokenURL: got %v, want an error that names it", err)
		}
		if got, want := time.Since(start), 5*time.Second; got != want {
			t.Errorf("no TokenURL: got the error after %v, want %v: with the first question", got, want)
		}
		var none context.Context
		if _, err := d.Wait(none, prompt); err == nil || !strings.Contains(err.Error(), "the context is nil") {
			t.Errorf("nil context: got %v, want an error that says so", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		srv, server := start(t, bearertest.Config{Clients: []bearertest.Client{{ID: "tv", Secret: "s3cret"}}})
		asked := 0
		d := grant.Device{Server: server, Auth: grant.Basic{ID: "tv", SecretFunc: func(context.Context) (string, error) {
			if asked++; asked == 2 {
				return "", errors.New("vault is sealed")
			}
			return "s3cret", nil
		}}}
		prompt, err := d.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Wait(t.Context(), prompt); err != nil || srv.Counts().TokenRequests() != 1 {
			t.Errorf("a secret that cannot be read for a moment: got %v, want a token", err)
		}
	})
}

func TestDeviceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, d, prompt := device(t, bearertest.Config{Consent: bearertest.ConsentDeny})
		if _, err := d.Wait(t.Context(), prompt); !errors.Is(err, grant.ErrAccessDenied) {
			t.Errorf("declined: got %v, want ErrAccessDenied", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		srv, d, prompt := device(t, bearertest.Config{Consent: bearertest.ConsentAsk, DeviceLifetime: time.Minute})
		start := time.Now()
		_, err := d.Wait(t.Context(), prompt)
		if !errors.Is(err, grant.ErrCodeExpired) || !errors.Is(err, grant.ErrLoginRequired) || time.Since(start) > time.Minute {
			t.Errorf("nobody decides: got %v after %v, want ErrCodeExpired within a minute", err, time.Since(start))
		}
		prompt.Expiry = time.Time{} // the server knows too
		if _, err := d.Wait(t.Context(), prompt); !errors.Is(err, grant.ErrCodeExpired) || !strings.Contains(err.Error(), "call Start again") {
			t.Errorf("expired at the server: got %v, want ErrCodeExpired", err)
		}
		srv.Close()
	})
	synctest.Test(t, func(t *testing.T) {
		srv, d, prompt := device(t, bearertest.Config{DeviceLifetime: time.Minute})
		srv.Fault(bearertest.TokenEndpoint, bearertest.Fault{Times: -1, Status: 500})
		_, err := d.Wait(t.Context(), prompt)
		if !errors.Is(err, grant.ErrCodeExpired) || !strings.Contains(err.Error(), "answered 500") || strings.Count(err.Error(), "grant: ") != 1 {
			t.Errorf("server out of order: got %v, want ErrCodeExpired that says why", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		_, d, prompt := device(t, bearertest.Config{Consent: bearertest.ConsentAsk})
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := d.Wait(ctx, prompt); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 12*time.Second {
			t.Errorf("context ended: got %v after %v, want its error after 12s", err, time.Since(start))
		}
	})
	if _, err := (grant.Device{ClientID: "tv"}).Wait(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "DeviceCode") {
		t.Errorf("nil prompt: got %v, want an error that names DeviceCode", err)
	}
}
