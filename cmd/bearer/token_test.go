package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/bearer/bearertest"
	"example.com/bearer/cmd/bearer/internal/declaration"
	"example.com/bearer/cmd/bearer/internal/home"
)

func TestTokenOfTheApplicationNeedsNoLogin(t *testing.T) {
	for _, tt := range []struct {
		auth string // how the client must authenticate
		flag string
	}{
		{"client_secret_basic", "basic"},
		{"client_secret_basic", ""},
		{"client_secret_post", "post"},
	} {
		t.Run(tt.auth+" "+tt.flag, func(t *testing.T) {
			w := newWorld(t, bearertest.Config{Clients: []bearertest.Client{
				{ID: "client", Secret: clientSecret, Auth: []string{tt.auth}, Grants: []string{"client_credentials"}},
			}})
			args := []string{"token", "acme", "--token-url", w.Endpoint(bearertest.TokenEndpoint)}
			if tt.flag != "" {
				args = append(args, "--client-auth", tt.flag)
			}
			token := w.ok(args...)
			if strings.Count(token, "\n") != 1 || !w.accepted(token) {
				t.Errorf("got %q, want one line with a token that the API accepts", token)
			}
		})
	}
}

// G20, and: a second start within a token's lifetime makes no request.
func TestAStoredTokenCostsNoRequestAndNoFlags(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	first := w.ok("token", "acme", "--token-url", w.Endpoint(bearertest.TokenEndpoint), "--scope", "read write", "--scope", "more")
	t.Setenv(clientVariable, "another") // what is remembered comes first
	w.setSecret("", "acme")             // and nothing must be sent
	if second := w.ok("token", "acme"); second != first {
		t.Errorf("got another token, want the stored one")
	}
	w.wantTokenRequests(1)
	if got, want := w.Requests(bearertest.TokenEndpoint)[0].Form.Get("scope"), "read write more"; got != want {
		t.Errorf("scope: got %q, want %q", got, want)
	}
}

// The header is the one in which the client's API takes the token.
func TestTokenHeaderOfTheClient(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	for settings, header := range map[string]string{
		"":                     "Authorization: Bearer ",
		"token_scheme: Token":  "Authorization: Token ",
		"token_header: X-Shop": "X-Shop: ",
		"token_header: X-Shop, token_scheme: Tok": "X-Shop: Tok ",
	} {
		write(t, declaration.Name, "clients: {shop: {token_url: '"+w.Endpoint(bearertest.TokenEndpoint)+"', client_id: client, client_secret: "+clientSecret+", "+settings+"}}")
		w.ok("allow")
		token := w.ok("token", "shop")
		if got := w.ok("token", "shop", "--header"); got != header+token {
			t.Errorf("%q: got %q, want %q", settings, got, header+token)
		}
	}
}

func TestTokenForms(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	plain := strings.TrimSpace(w.ok("token", "acme", "--token-url", w.Endpoint(bearertest.TokenEndpoint), "--scope", "read"))
	if got, want := w.ok("token", "acme", "--header"), "Authorization: Bearer "+plain+"\n"; got != want {
		t.Errorf("--header: got %q, want %q", got, want)
	}
	var got struct {
		AccessToken string    `json:"access_token"`
		TokenType   string    `json:"token_type"`
		Expiry      time.Time `json:"expiry"`
		Scope       string    `json:"scope"`
	}
	if err := json.Unmarshal([]byte(w.ok("token", "acme", "--json")), &got); err != nil {
		t.Fatal(err)
	}
	if left := time.Until(got.Expiry); got.AccessToken != plain || got.TokenType != "Bearer" || got.Scope != "read" || left <= 0 || left > time.Hour {
		t.Errorf("--json: got type %q, scope %q and %v left, want the same token, Bearer, read, and up to an hour", got.TokenType, got.Scope, left)
	}
	w.fails(exitUsage, "--json and --header", "token", "acme", "--json", "--header")
}

// A token that is about to expire is of no use to the program that it is
// printed for.
func TestAnAlmostExpiredTokenIsRenewed(t *testing.T) {
	w := newWorld(t, bearertest.Config{TokenLifetime: leastLeft - time.Second})
	first := w.ok("token", "acme", "--token-url", w.Endpoint(bearertest.TokenEndpoint))
	w.Update(func(c *bearertest.Config) { c.TokenLifetime = time.Hour })
	second := w.ok("token", "acme")
	if second == first {
		t.Errorf("got the token with less than %v left, want a new one", leastLeft)
	}
	if third := w.ok("token", "acme"); third != second {
		t.Errorf("got another token again, want the one with an hour left")
	}
	// If the server refuses, the old token is better than none.
	w.Update(func(c *bearertest.Config) { c.TokenLifetime = leastLeft - time.Second })
	last := w.ok("token", "other", "--token-url", w.Endpoint(bearertest.TokenEndpoint))
	w.Fault(bearertest.TokenEndpoint, bearertest.Fault{Status: 400, Body: `{"error":"invalid_client"}`, Times: -1})
	if got := w.ok("token", "other"); got != last {
		t.Errorf("got another token, want the one that is still valid")
	}
}

func TestDiscoveryFindsTheEndpoints(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	if token := w.ok("token", "acme", "--issuer", w.URL); !w.accepted(token) {
		t.Errorf("got a token that the API does not accept")
	}
	w.expire("acme")
	w.ok("token", "acme")
	w.ok("token", "acme") // which is stored
	if got := w.Counts().Requests[bearertest.MetadataEndpoint]; got != 2 {
		t.Errorf("metadata requests: got %d, want one for each token request", got)
	}
	w.fails(exitFailed, "(issuer)", "token", "other", "--issuer", w.URL+"/another")
}

func TestTokenWithOtherSettingsIsRefused(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.ok("token", "acme", "--token-url", w.Endpoint(bearertest.TokenEndpoint), "--scope", "read")
	w.fails(exitUsage, "take another name", "token", "acme", "--scope", "write")
	w.wantTokenRequests(1)
	w.ok("token", "acme", "--scope", "read") // the same is fine
	w.wantTokenRequests(1)
}

// A typing error must not be remembered.
func TestWhatFailedIsNotRemembered(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.fails(exitFailed, "invalid_client", "token", "acme", "--token-url", w.Endpoint(bearertest.TokenEndpoint), "--client-id", "typo")
	if got := w.statuses(); len(got) != 0 {
		t.Errorf("got %d things remembered, want none", len(got))
	}
}

// A token that was issued is printed, whether or not it can be kept.
func TestATokenThatCannotBeStoredIsPrinted(t *testing.T) {
	for what, prepare := range map[string]func(t *testing.T, home string){
		"the folder cannot be written": func(t *testing.T, _ string) {
			if runtime.GOOS != "linux" {
				t.Skip("needs a folder that even root cannot write to")
			}
			t.Setenv(home.Variable, "/proc/bearer")
		},
		"the file cannot be locked": func(t *testing.T, home string) {
			if err := os.Mkdir(filepath.Join(home, "token-declarations.lock"), 0o700); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, bearertest.Config{})
			prepare(t, os.Getenv(home.Variable))
			status, token, stderr := exec(t, "token", "acme", "--token-url", w.Endpoint(bearertest.TokenEndpoint))
			if status != exitOK || !w.accepted(token) {
				t.Errorf("got status %d and a token that the API accepts: %v, want 0 and true", status, w.accepted(token))
			}
			for line := range strings.Lines(stderr) {
				if !strings.HasPrefix(line, "bearer: warning: ") {
					t.Errorf("got the line %q, want warnings only", line)
				}
			}
			if !strings.Contains(stderr, "acme could not be declared: ") {
				t.Errorf("got stderr %q, want that acme could not be declared", stderr)
			}
			w.wantTokenRequests(1)
		})
	}
}

// G23: a token process that began before the user logged out does not bring the
// token back.
func TestTokenStoresNothingAfterLogout(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.loggedIn(append([]string{"acme"}, w.endpoints()...)...)
	w.expire("acme")

	// The command has found the client when it reads the secret.
	stdin, secret := io.Pipe()
	done := make(chan string)
	go func() { // ends with the command
		var out, errs strings.Builder
		run(t.Context(), []string{"token", "acme", "--client-secret-file", "-"}, stdin, &out, &errs)
		done <- errs.String()
	}()
	if _, err := io.WriteString(secret, clientSecret); err != nil {
		t.Fatal(err)
	}
	w.ok("logout", "acme")
	secret.Close()
	if stderr := <-done; !strings.Contains(stderr, "run bearer login acme") {
		t.Errorf("got stderr %q, want that a login is required", stderr)
	}
	w.wantNoToken("acme")
	files, err := filepath.Glob(filepath.Join(os.Getenv(home.Variable), "token-acme-*.json"))
	if err != nil || len(files) != 0 {
		t.Errorf("got the files %q (%v), want no token", files, err)
	}
}

func TestSecretFromAFileAndFromStdin(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.setSecret("", "acme")
	url := w.Endpoint(bearertest.TokenEndpoint)
	w.fails(exitFailed, "set BEARER_ACME_CLIENT_SECRET, or client_secret_file", "token", "acme", "--token-url", url)

	file := filepath.Join(t.TempDir(), "secret")
	w.fails(exitUsage, "no such file", "token", "acme", "--token-url", url, "--client-secret-file", file)
	if err := os.WriteFile(file, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.fails(exitUsage, "--client-secret-file: this file is empty", "token", "acme", "--token-url", url, "--client-secret-file", file)
	if err := os.WriteFile(file, []byte(clientSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(file))
	w.ok("token", "acme", "--token-url", url, "--client-secret-file", "secret")
	w.expire("acme")
	t.Chdir(t.TempDir())
	// The file is remembered, and found from everywhere.
	w.ok("token", "acme")

	var out, errs strings.Builder
	args := []string{"token", "piped", "--token-url", url, "--client-secret-file", "-"}
	if got := run(t.Context(), args, strings.NewReader(clientSecret+"\n"), &out, &errs); got != exitOK {
		t.Errorf("secret from stdin: got status %d and %q, want 0", got, errs.String())
	}
	w.fails(exitFailed, "client secret is empty", "token", "nothing", "--token-url", url, "--client-secret-file", "-")
}
