package grant

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

func fetch(t *testing.T, status int, body string, header ...string) (*oauth2.Token, error) {
	t.Helper()
	s, _ := serve(t, always(status, body, header...))
	s.Retries = -1
	return ClientCredentials{Server: s, Auth: basic}.Token(t.Context())
}

// G15: expires_in as servers send it.
func TestExpiresIn(t *testing.T) {
	for _, row := range []struct {
		member string
		want   time.Duration // 0: no Expiry
	}{
		{``, 0},
		{`,"expires_in":null`, 0},
		{`,"expires_in":0`, 0},
		{`,"expires_in":"0"`, 0},
		{`,"expires_in":""`, 0},
		{`,"expires_in":3600`, time.Hour},
		{`,"expires_in":"3600"`, time.Hour},
		{`,"expires_in":" 3600 "`, time.Hour},
		{`,"expires_in":3600.0`, time.Hour},
		{`,"expires_in":3.6e3`, time.Hour},
		{`,"expires_in":"0.5"`, time.Second / 2},
		{`,"expires_in":1e30`, maxLifetime},
		{`,"expires_in":1e999`, maxLifetime},
		{`,"expires_in":9223372036854775807`, maxLifetime},
		// Not a lifetime, and so not known.
		{`,"expires_in":-1`, 0},
		{`,"expires_in":"-1"`, 0},
		{`,"expires_in":-1e999`, 0},
		{`,"expires_in":"never"`, 0},
		{`,"expires_in":"NaN"`, 0},
		{`,"expires_in":"Inf"`, 0},
		{`,"expires_in":"0x10"`, 0},
		{`,"expires_in":true`, 0},
		{`,"expires_in":{}`, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			tok, err := fetch(t, 200, `{"access_token":"at"`+row.member+`}`)
			if err != nil {
				t.Fatalf("%s: got %v, want a token", row.member, err)
			}
			if row.want == 0 {
				if !tok.Expiry.IsZero() || tok.ExpiresIn != 0 {
					t.Errorf("%s: got Expiry %v, ExpiresIn %d, want none", row.member, tok.Expiry, tok.ExpiresIn)
				}
				return
			}
			if got := time.Until(tok.Expiry); got != row.want {
				t.Errorf("%s: got a lifetime of %v, want %v", row.member, got, row.want)
			}
			if want := int64(row.want / time.Second); tok.ExpiresIn != want {
				t.Errorf("%s: got ExpiresIn %d, want %d", row.member, tok.ExpiresIn, want)
			}
		})
	}
}

// Both clocks count for the cache, so Expiry has both. (Inside a bubble there
// is only one.)
func TestExpiryKeepsTheMonotonicClock(t *testing.T) {
	tok, err := fetch(t, 200, good)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(tok.Expiry.String(), " m=") {
		t.Errorf("got Expiry %v, want the monotonic clock's reading in it", tok.Expiry)
	}
}

// Expiry counts from before the attempt that brought the token, so that it is
// never late.
func TestExpiryCountsFromTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := serve(t, nil)
		w.answer = func(n int, r *http.Request, _ url.Values) (*http.Response, error) {
			if n == 1 {
				return reply(503, "", "Retry-After", "5"), nil
			}
			time.Sleep(2 * time.Second) // the bubble's clock
			return reply(200, good), nil
		}
		tok, err := ClientCredentials{Server: s, Auth: basic}.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := time.Until(tok.Expiry), time.Hour-2*time.Second; got != want {
			t.Errorf("left when the answer was there: got %v, want %v", got, want)
		}
	})
}

func TestTokenType(t *testing.T) {
	for _, row := range []struct{ member, want string }{
		{``, "Bearer"}, {`,"token_type":null`, "Bearer"}, {`,"token_type":""`, "Bearer"},
		{`,"token_type":"bearer"`, "Bearer"}, {`,"token_type":"BEARER"`, "Bearer"},
	} {
		tok, err := fetch(t, 200, `{"access_token":"at"`+row.member+`}`)
		if err != nil || tok.TokenType != row.want {
			t.Errorf("%s: got %v, want type %s", row.member, err, row.want)
		}
	}
}

// G15: an answer without a usable token is one clear error, never a panic; it
// is temporary and shows nothing of what might be a token.
func TestAnswersThatAreNoToken(t *testing.T) {
	for _, row := range []struct{ body, want string }{
		{``, "an empty body where a token was expected"},
		{"  \n", "an empty body"},
		{`<!doctype html><p>canary`, "HTML where a token was expected"},
		{`[{"access_token":"canary"}]`, "no JSON object"},
		{`"canary"`, "no JSON object"},
		{`null`, "no JSON object"},
		{`canary`, "no JSON object"},
		{`{"access_token":"can`, "broken or cut short"},
		{`{"access_token":"canary"`, "broken or cut short"},
		{`{"access_token":canary}`, "broken or cut short"},
		{`{"access_token":"canary"}x`, "something after it"},
		{`{"access_token":"canary"}{}`, "something after it"},
		{`{"access_token":"canary","access_token":"canary2"}`, "the same name twice"},
		{`{}`, "access_token is missing"},
		{`{"access_token":""}`, "access_token is missing"},
		{`{"access_token":null}`, "access_token is missing"},
		{`{"access_token":12345678}`, "access_token is not a string"},
		{`{"access_token":["canary"]}`, "access_token is not a string"},
		{`{"access_token":"canary\n"}`, "access_token has a byte at position 6"},
		{`{"access_token":"can ary"}`, "access_token has a byte at position 3"},
		{`{"access_token":"canary\u007f"}`, "access_token has a byte"},
		{`{"access_token":"canary\u0000"}`, "access_token has a byte"},
		{`{"access_token":"canaryä"}`, "access_token has a byte"},
		{`{"access_token":"canary","refresh_token":{"canary":1}}`, "refresh_token is not a string"},
		{`{"access_token":"canary","token_type":1}`, "token_type is not a string"},
		{`{"access_token":"canary","token_type":"DPoP"}`, "token_type is DPoP"},
		{`{"access_token":"canary","token_type":"mac"}`, "token_type is mac"},
		{`{"access_token":"canary","token_type":"N_A"}`, "token_type is N_A"},
		{`{"access_token":"canary","token_type":"canary"}`, "token_type is not Bearer"},
	} {
		tok, err := fetch(t, 200, row.body)
		if tok != nil {
			t.Errorf("%s: got a token, want none", row.body)
		}
		wantText(t, err, "https://auth.test/token (Server.TokenURL) answered 200", row.want)
		if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "12345678") {
			t.Errorf("%s: got %q, want nothing of the answer in it", row.body, err)
		}
		var e *Error
		if !errors.As(err, &e) || !e.Temporary() {
			t.Errorf("%s: got %v, want a temporary *Error", row.body, err)
		}
		var retrieve *oauth2.RetrieveError
		if errors.As(err, &retrieve) {
			t.Errorf("%s: got a RetrieveError, want none, as the server refused nothing", row.body)
		}
	}
}

// What servers write for "no refresh token", and round the type.
func TestSloppyMembers(t *testing.T) {
	tok, err := fetch(t, 200, `{"access_token":"at","refresh_token":false,"token_type":" bearer "}`)
	if err != nil || tok.RefreshToken != "" || tok.TokenType != "Bearer" {
		t.Errorf("got %v, %v; want a Bearer token without a refresh token", tok, err)
	}
}

func TestExtrasAreKept(t *testing.T) {
	tok, err := fetch(t, 200, `{"access_token":"at","scope":"a b","id_token":"x.y.z","n":2,"refresh_token":"rt"}`)
	if err != nil {
		t.Fatal(err)
	}
	if tok.Extra("scope") != "a b" || tok.Extra("id_token") != "x.y.z" || tok.Extra("n") != 2.0 || tok.RefreshToken != "rt" {
		t.Errorf("got scope %v, n %v, want the members of the answer", tok.Extra("scope"), tok.Extra("n"))
	}
	if tok.Extra("access_token") != nil {
		t.Error("Extra(access_token): got a second copy of the token, want nil")
	}
}

// Some servers answer as the request was written, and some call JSON text/html.
func TestAnswersInOtherShapes(t *testing.T) {
	for _, row := range []struct{ contentType, body string }{
		{"application/x-www-form-urlencoded", "access_token=at-1&scope=a+b&token_type=bearer&expires_in=60"},
		{"text/plain; charset=utf-8", "access_token=at-1&scope=a+b&expires_in=60"},
		{"", "access_token=at-1&scope=a+b&expires_in=60"},
		{"text/html", `{"access_token":"at-1","scope":"a b","expires_in":"60"}`},
		{"application/json", "\ufeff" + `{"access_token":"at-1","scope":"a b","expires_in":60}`},
		{"text/plain", "\r\n" + `{"access_token":"at-1","scope":"a b","expires_in":60.0}` + "\n"},
	} {
		tok, err := fetch(t, 201, row.body, "Content-Type", row.contentType)
		if err != nil {
			t.Errorf("%s: got %v, want a token", row.contentType, err)
			continue
		}
		if tok.AccessToken != "at-1" || tok.Extra("scope") != "a b" || tok.ExpiresIn != 60 {
			t.Errorf("%s: got scope %v and ExpiresIn %d, want a b and 60", row.contentType, tok.Extra("scope"), tok.ExpiresIn)
		}
	}
	_, err := fetch(t, 200, "error=invalid_scope&error_description=no", "Content-Type", "application/x-www-form-urlencoded")
	wantText(t, err, "invalid_scope", "no")
	_, err = fetch(t, 200, "access_token=a&access_token=b", "Content-Type", "application/x-www-form-urlencoded")
	wantText(t, err, "no JSON object")
}

// Any body yields a token that can be used, or an error with one prefix.
func FuzzTokenAnswer(f *testing.F) {
	for _, body := range []string{good, `{"access_token":"a","expires_in":"1e9","extra":[1,{"a":null}]}`, "access_token=a&expires_in=3",
		`{"error":"invalid_grant","error_description":"x\u0000y","error_uri":"u"}`, `{"error":{}}`, "", "[", "<html>", `{"a":1,"a":2}`, "\xff{", `{"expires_in":-0.0}`} {
		f.Add(200, "application/json", body)
		f.Add(400, "text/plain", body)
	}
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		sent := time.Now()
		a := &answer{Request: &Request{}, host: "https://auth.test", status: status, body: []byte(body), sent: sent,
			header: map[string][]string{"Content-Type": {contentType}}}
		tok, err := a.token()
		if (tok == nil) == (err == nil) {
			t.Fatalf("got token %v and error %v, want exactly one", tok != nil, err)
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %T, want *Error", err)
			}
			if strings.ContainsAny(err.Error(), "\n\r\x00\x1b") {
				t.Errorf("got %q, want one line without control characters", err)
			}
			var retrieve *oauth2.RetrieveError
			if errors.As(err, &retrieve) {
				_ = retrieve.Error()
			}
			return
		}
		if checkAccessToken(tok.AccessToken) != nil || tok.TokenType != "Bearer" {
			t.Errorf("got a token of type %q that cannot be sent", tok.TokenType)
		}
		if !tok.Expiry.IsZero() && (tok.Expiry.Before(sent) || tok.Expiry.Sub(sent) > maxLifetime) || tok.ExpiresIn < 0 || tok.ExpiresIn == math.MaxInt64 {
			t.Errorf("got Expiry %v, ExpiresIn %d, want between now and %v from now", tok.Expiry, tok.ExpiresIn, maxLifetime)
		}
	})
}

// Some servers name the granted scopes in an array. The token has them as a
// string all the same, which a Store keeps and a refresh with RefreshScopes
// sends.
func TestScopeArray(t *testing.T) {
	for answer, want := range map[string]any{
		`{"access_token":"a","scope":["read","write"]}`: "read write",
		`{"access_token":"a","scope":[]}`:               "",
		`{"access_token":"a","scope":"read write"}`:     "read write",
		`{"access_token":"a"}`:                          nil,
	} {
		s, _ := serve(t, func(int, *http.Request, url.Values) (*http.Response, error) { return reply(200, answer), nil })
		token, err := s.redeem(t.Context(), basic, url.Values{}, "")
		if err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
		if got := token.Extra("scope"); got != want {
			t.Errorf("%s: got %v, want %v", answer, got, want)
		}
	}
}
