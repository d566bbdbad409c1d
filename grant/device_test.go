package grant_test

import (
	"context"
	"errors"
	"net/http"
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

// RFC 8628 section 3.5: slow_down adds five seconds to all later pauses.
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

// RFC 8628 section 3.5: the pauses grow while nothing answers, and are as
// before afterwards.
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

// A field that is wrong ends the wait at once. A secret that cannot be read for
// a moment does not.
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
			t.Errorf("undecided: got %v after %v, want ErrCodeExpired within a minute", err, time.Since(start))
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

// RFC 8628 section 3.5: an error other than authorization_pending and
// slow_down ends the wait, with any status; so does an answer that only
// another configuration can change.
func TestDeviceWaitEndsAtAFinalError(t *testing.T) {
	for _, row := range []struct {
		name  string
		fault bearertest.Fault
		code  string
		text  string
	}{
		{"server_error", bearertest.Fault{Status: 400, Body: `{"error":"server_error"}`}, "server_error", "answered 400 server_error"},
		{"server_error as 500", bearertest.Fault{Status: 500, Body: `{"error":"server_error"}`}, "server_error", "answered 500 server_error"},
		{"invalid_grant as 500", bearertest.Fault{Status: 500, Body: `{"error":"invalid_grant"}`}, "invalid_grant", "answered 500 invalid_grant"},
		{"a code of the server's", bearertest.Fault{Status: 400, Body: `{"error":"quota"}`}, "quota", "answered 400 quota"},
		{"a wrong path", bearertest.Fault{Status: 404, Body: "<html>"}, "", "answered 404"},
		{"a redirect", bearertest.Fault{Redirect: "/elsewhere"}, "", "answered 307"},
		{"half a token", bearertest.Fault{Processed: true, Truncate: true}, "", "answered 200"},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv, d, prompt := device(t, bearertest.Config{})
			srv.Fault(bearertest.TokenEndpoint, row.fault)
			start := time.Now()
			_, err := d.Wait(t.Context(), prompt)
			var refusal *grant.Error
			if !errors.As(err, &refusal) || refusal.Code != row.code || !strings.Contains(err.Error(), row.text) {
				t.Errorf("%s: got %v, want the server's error", row.name, err)
			}
			if errors.Is(err, grant.ErrCodeExpired) || errors.Is(err, grant.ErrLoginRequired) {
				t.Errorf("%s: got %v, want an error that does not say that the code expired", row.name, err)
			}
			if got, want := time.Since(start), 5*time.Second; got != want {
				t.Errorf("%s: got the error after %v, want %v: with the first question", row.name, got, want)
			}
		})
	}
}

// What may pass without the user does not end the wait: a sick server, a
// proxy's 429.
func TestDeviceWaitOutlivesWhatIsNotAnOAuthError(t *testing.T) {
	for _, status := range []int{408, 429, 500, 502, 503} {
		synctest.Test(t, func(t *testing.T) {
			srv, d, prompt := device(t, bearertest.Config{})
			srv.Fault(bearertest.TokenEndpoint, bearertest.Fault{Status: status, Body: "<html>"})
			if _, err := d.Wait(t.Context(), prompt); err != nil {
				t.Errorf("%d without an OAuth error: got %v, want a token", status, err)
			}
		})
	}
}

// When the context or the codes end, the error holds what the server said
// last, and what has been in the way since.
func TestDeviceWaitTellsWhatTheServerSaidLast(t *testing.T) {
	for _, row := range []struct {
		name   string
		faults []bearertest.Fault
		status int // of the *Error in it; 0: none
		code   string
		text   []string
	}{
		{"undecided", nil, 400, "authorization_pending", []string{"answered 400 authorization_pending"}},
		{"sick", []bearertest.Fault{{Times: -1, Status: 502, Body: "<html>"}}, 502, "", []string{"answered 502"}},
		{"slow_down", []bearertest.Fault{{Times: -1, Status: 429, Body: `{"error":"slow_down"}`}}, 429, "slow_down", []string{"answered 429 slow_down"}},
		{"silent", []bearertest.Fault{{Times: -1, Drop: true}}, 0, "", []string{"was lost"}},
		{"sick, then silent", []bearertest.Fault{{Status: 502, Body: "<html>"}, {Times: -1, Drop: true}}, 502, "", []string{"answered 502", "was lost"}},
		{"silent, then undecided", []bearertest.Fault{{Drop: true}}, 400, "authorization_pending", []string{"answered 400 authorization_pending"}},
	} {
		for _, end := range []error{context.DeadlineExceeded, grant.ErrCodeExpired} {
			synctest.Test(t, func(t *testing.T) {
				srv, d, prompt := device(t, bearertest.Config{Consent: bearertest.ConsentAsk, DeviceLifetime: time.Minute})
				for _, fault := range row.faults {
					srv.Fault(bearertest.TokenEndpoint, fault)
				}
				ctx := t.Context()
				if end == context.DeadlineExceeded {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, 29*time.Second)
					defer cancel()
				}
				_, err := d.Wait(ctx, prompt)
				if !errors.Is(err, end) || errors.Is(err, grant.ErrLoginRequired) != (end == grant.ErrCodeExpired) {
					t.Fatalf("%s: got %v, want %v", row.name, err, end)
				}
				var temporary interface{ Temporary() bool }
				if !errors.As(err, &temporary) || temporary.Temporary() != (end == context.DeadlineExceeded) {
					t.Errorf("%s, %v: got an error that says the wrong thing about waiting again", row.name, end)
				}
				refusal := new(grant.Error)
				if errors.As(err, &refusal); refusal.Status != row.status || refusal.Code != row.code {
					t.Errorf("%s, %v: got %d %q in %v, want %d %q", row.name, end, refusal.Status, refusal.Code, err, row.status, row.code)
				}
				for _, text := range row.text {
					if !strings.Contains(err.Error(), text) {
						t.Errorf("%s, %v: got %q, want %q in it", row.name, end, err, text)
					}
				}
				if strings.Count(err.Error(), "grant: ") != 1 || strings.Contains(err.Error(), string(prompt.DeviceCode)) {
					t.Errorf("%s: got %q, want one prefix and no device code", row.name, err)
				}
			})
		}
	}
}

// A context that ends while the server is silent leaves what the server said
// before.
func TestDeviceWaitCancelledDuringAQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, d, prompt := device(t, bearertest.Config{Consent: bearertest.ConsentAsk})
		ctx, cancel := context.WithCancel(t.Context())
		base, asked := d.Server.Transport, 0
		d.Server.Transport = transportFunc(func(r *http.Request) (*http.Response, error) {
			if asked++; asked == 3 {
				cancel()
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return base.RoundTrip(r)
		})
		_, err := d.Wait(ctx, prompt)
		var refusal *grant.Error
		if !errors.Is(err, context.Canceled) || !errors.As(err, &refusal) || refusal.Code != "authorization_pending" {
			t.Errorf("got %v, want context.Canceled and authorization_pending", err)
		}
		if n := srv.Counts().TokenRequests(); n != 2 {
			t.Errorf("got %d answered questions, want 2", n)
		}
	})
}

// A context that ends at the very time of a poll, or between the pause and the
// request, leaves what the server said before.
func TestDeviceWaitEndsAtTheTimeOfAPoll(t *testing.T) {
	for range 50 { // which of the two comes first is left to chance
		synctest.Test(t, func(t *testing.T) {
			_, d, prompt := device(t, bearertest.Config{Consent: bearertest.ConsentAsk})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err := d.Wait(ctx, prompt)
			var refusal *grant.Error
			if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &refusal) || refusal.Code != "authorization_pending" {
				t.Fatalf("got %v, want context.DeadlineExceeded and authorization_pending", err)
			}
		})
	}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
