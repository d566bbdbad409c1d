package grant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

// Every secret of these tests has canary in it.
const (
	canarySecret   = "canary-client+secret%of/more&than=32-bytes"
	canaryToken    = "canary-token"
	canaryVerifier = "canary-verifier-of-at-least-forty-three-characters"
)

// flows are all the ways by which a secret leaves, each with one call that
// fails.
func flows(s Server) map[string]func(context.Context) error {
	flow := AuthorizationCode{Server: s, Auth: Post{ID: "id", Secret: canarySecret}, RedirectURL: "https://app.test/"}
	basic := AuthorizationCode{Server: s, Auth: Basic{ID: "id", Secret: canarySecret}}
	token := func(context.Context) (string, error) { return canaryToken, nil }
	secret := func(context.Context) (string, error) { return canarySecret, nil }
	just := func(_ any, err error) error { return err }
	return map[string]func(context.Context) error{
		"client_credentials basic": func(ctx context.Context) error {
			return just(ClientCredentials{Server: s, Auth: Basic{ID: "id", Secret: canarySecret}}.Token(ctx))
		},
		"client_credentials raw": func(ctx context.Context) error {
			return just(ClientCredentials{Server: s, Auth: Basic{ID: "id", SecretFunc: secret, Raw: true}}.Token(ctx))
		},
		"client_credentials post": func(ctx context.Context) error {
			return just(ClientCredentials{Server: s, Auth: Post{ID: "id", SecretFunc: secret}}.Token(ctx))
		},
		"client_secret_jwt": func(ctx context.Context) error {
			return just(ClientCredentials{Server: s, Auth: ClientSecretJWT{ID: "id", Secret: canarySecret}}.Token(ctx))
		},
		"exchange": func(ctx context.Context) error { return just(flow.Exchange(ctx, canaryToken, canaryVerifier)) },
		"refresh": func(ctx context.Context) error {
			return just(flow.Refresh(ctx, &oauth2.Token{RefreshToken: canaryToken}))
		},
		"refresh basic": func(ctx context.Context) error {
			return just(basic.Refresh(ctx, &oauth2.Token{RefreshToken: canaryToken}))
		},
		"revoke": func(ctx context.Context) error { return flow.Revoke(ctx, canaryToken, "refresh_token") },
		"revoke client_credentials": func(ctx context.Context) error {
			return ClientCredentials{Server: s, Auth: basic.Auth}.Revoke(ctx, canaryToken, "access_token")
		},
		"jwt bearer": func(ctx context.Context) error { return just(JWTBearer{Server: s, Assertion: token}.Token(ctx)) },
		"token exchange": func(ctx context.Context) error {
			return just(TokenExchange{Server: s, Subject: token, Actor: token}.Token(ctx))
		},
		"device start": func(ctx context.Context) error { return just(Device{Server: s, Auth: flow.Auth}.Start(ctx)) },
		"device wait": func(ctx context.Context) error {
			return just(Device{Server: s, Auth: flow.Auth}.Wait(ctx, &DevicePrompt{DeviceCode: canaryToken, Expiry: time.Now().Add(time.Minute)}))
		},
		"discover": func(ctx context.Context) error { return just(s.Discover(ctx)) },
	}
}

// echo is all that the server was sent, as hostile or helpful servers return it
// back.
func echo(r *http.Request, form url.Values) string {
	body, _ := io.ReadAll(r.Body)
	id, secret, _ := r.BasicAuth()
	text := fmt.Sprintf("%s %s %s %v %s %s", r.URL, id, secret, r.Header, form, body)
	for _, values := range form {
		text += " " + strings.Join(values, " ")
	}
	return text
}

// failures are all the ways in which a server can fail.
var failures = map[string]func(int, *http.Request, url.Values) (*http.Response, error){
	"refused dial": func(int, *http.Request, url.Values) (*http.Response, error) { return nil, refused },
	"dropped": func(_ int, r *http.Request, form url.Values) (*http.Response, error) {
		return nil, errors.New("dropped: " + echo(r, form))
	},
	"hanging": func(_ int, r *http.Request, _ url.Values) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	},
	"broken body": func(int, *http.Request, url.Values) (*http.Response, error) {
		resp := reply(200, "")
		resp.Body = io.NopCloser(brokenReader{})
		return resp, nil
	},
	"endless body": func(int, *http.Request, url.Values) (*http.Response, error) {
		resp := reply(200, "")
		resp.Body = io.NopCloser(endless{new(int)})
		return resp, nil
	},
	"redirect": func(_ int, r *http.Request, form url.Values) (*http.Response, error) {
		return reply(307, "", "Location", "https://evil.test/?"+form.Encode()), nil
	},
	"echo as HTML": func(_ int, r *http.Request, form url.Values) (*http.Response, error) {
		return reply(403, "<html>"+echo(r, form)), nil
	},
	"echo as text": func(_ int, r *http.Request, form url.Values) (*http.Response, error) {
		return reply(500, echo(r, form), "Content-Type", "text/plain"), nil
	},
	"echo in 200":           echoed(200, "invalid_grant"),
	"echo in 400":           echoed(400, "invalid_grant"),
	"echo in 401":           echoed(401, "invalid_client"),
	"echo in 503":           echoed(503, "temporarily_unavailable"),
	"echo as the code":      echoed(400, ""),
	"token with a bad byte": always(200, `{"access_token":"canary\n","refresh_token":"canary"}`),
	"token as a number":     always(200, `{"access_token":"canary","refresh_token":["canary"]}`),
	"token twice":           always(200, `{"access_token":"canary","access_token":"canary"}`),
	"token cut short":       always(200, `{"access_token":"canary`),
	"token as a type":       always(200, `{"access_token":"canary","token_type":"canary"}`),
	"codes as a lifetime":   always(200, `{"device_code":"canary","user_code":"\u0007","expires_in":"canary","issuer":{"canary":1}}`),
}

func echoed(status int, code string) func(int, *http.Request, url.Values) (*http.Response, error) {
	return func(_ int, r *http.Request, form url.Values) (*http.Response, error) {
		text := echo(r, form)
		all := map[string]string{"error": code, "error_description": text, "error_uri": text}
		if code == "" {
			all["error"] = text
		}
		body, _ := json.Marshal(all)
		return reply(status, string(body), "Retry-After", "1", "WWW-Authenticate", text), nil
	}
}

// G15: no error shows a secret, however it is printed, nor does the
// oauth2.RetrieveError in it.
func TestNoSecretInAnyError(t *testing.T) {
	for how, failure := range failures {
		synctest.Test(t, func(t *testing.T) {
			s, _ := serve(t, failure)
			s.TokenURL += "?key=canary"
			for name, call := range flows(s) {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				err := call(ctx)
				cancel()
				if err == nil {
					if !strings.HasPrefix(name, "revoke") { // a successful answer has no content (RFC 7009)
						t.Errorf("%s, %s: got no error, want one", name, how)
					}
					continue
				}
				checkCanary(t, name+", "+how, err)
			}
		})
	}
}

// checkCanary looks at err in every way in which it can be printed.
func checkCanary(t *testing.T, where string, err error) {
	t.Helper()
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Error("failed", "err", err)
	slog.New(slog.NewJSONHandler(&log, nil)).Error("failed", "err", err)
	printed := []string{log.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		printed = append(printed, fmt.Sprintf(verb, err))
	}
	asJSON, _ := json.Marshal(err)
	printed = append(printed, string(asJSON))
	var refusal *Error
	if errors.As(err, &refusal) {
		asJSON, _ = json.Marshal(refusal)
		printed = append(printed, string(asJSON), fmt.Sprintf("%+v %#v", *refusal, *refusal))
	}
	var retrieve *oauth2.RetrieveError
	if errors.As(err, &retrieve) {
		printed = append(printed, fmt.Sprintf("%+v %+v", *retrieve, *retrieve.Response))
	}
	for _, text := range printed {
		if strings.Contains(text, "canary") || strings.Contains(text, "Y2FuYXJ5") {
			t.Errorf("%s: got %s, want no secret in it", where, text)
		}
	}
	if !strings.HasPrefix(err.Error(), "grant: ") || strings.ContainsAny(err.Error(), "\n\r") {
		t.Errorf("%s: got %q, want one line that begins with grant:", where, err)
	}
}
