package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"

	"example.com/bearer/bearertest"
	"example.com/bearer/cmd/bearer/internal/declaration"
)

// own returns the user's own file.
func (w *world) own() string {
	w.Helper()
	text, err := os.ReadFile(w.declared().file.Path)
	if err != nil {
		w.Fatal(err)
	}
	return string(text)
}

// What the flags of a login say becomes a declaration, without a secret.
func TestLoginDeclaresTheClient(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	for what, tt := range map[string]struct {
		args []string
		env  string // the secret in the environment
		want string
	}{
		"a secret in the environment": {
			[]string{"--issuer", "URL", "--scope", "read write", "--audience", "aud", "--base-url", "https://api.example.com/v1"}, clientSecret,
			"issuer: URL\n    grant_type: authorization_code\n    client_id: client\n    auth_method: client_secret_basic\n    scopes: [read, write]\n    audience: aud\n    base_url: https://api.example.com/v1\n",
		},
		"a secret in a file": {
			[]string{"--token-url", "URL/token", "--auth-url", "URL/authorize", "--client-secret-file", secret, "--store", "dir"}, "",
			"token_url: URL/token\n    auth_url: URL/authorize\n    grant_type: authorization_code\n    client_id: client\n    client_secret_file: " + secret + "\n    store: {name: dir}\n",
		},
		"no secret": {
			[]string{"--issuer", "URL", "--client-id", "public"}, "",
			"issuer: URL\n    grant_type: authorization_code\n    client_id: public\n    auth_method: none\n",
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, bearertest.Config{Clients: []bearertest.Client{{ID: "client", Secret: clientSecret}, {ID: "public", Auth: []string{"none"}}}})
			w.setSecret(tt.env, "acme")
			write(t, secret, clientSecret)
			args := append([]string{"acme"}, tt.args...)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "URL", w.URL)
			}
			stdout := w.loggedIn(args...)
			path := w.declared().file.Path
			if !strings.HasSuffix(stdout, " acme is declared in "+path+".\n") {
				t.Errorf("got %q, want where it is declared", stdout)
			}
			want := "clients:\n  acme:\n    " + strings.ReplaceAll(tt.want, "URL", w.URL)
			if got := w.own(); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("got the mode %v (%v), want 0600", info.Mode(), err)
			}
			before := w.own()
			if stdout := w.loggedIn("acme"); strings.Contains(stdout, "declared") || w.own() != before {
				t.Errorf("again: got %q and\n%s, want that nothing is declared", stdout, w.own())
			}
		})
	}
}

// A login changes what its flags say, and nothing else in the file.
func TestLoginChangesItsDeclaration(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	path, err := declaration.Own()
	if err != nil {
		t.Fatal(err)
	}
	text := "# mine\n\nclients:\n  other: {provider: matter, client_id: x} # by hand\n\n  acme:\n    issuer: " + w.URL + " # ours\n    grant_type: authorization_code\n    client_id: client\n    auth_method: client_secret_basic\n"
	write(t, path, text)
	w.loggedIn("acme", "--scope", "read")
	if got, want := w.own(), text+"    scopes: [read]\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	w.loggedIn("acme", "--scope", "")
	if got := w.own(); got != text {
		t.Errorf("got\n%swant\n%s", got, text)
	}
}

// Nothing is written until there is a token.
func TestALoginThatFailsDeclaresNothing(t *testing.T) {
	w := newWorld(t, bearertest.Config{Consent: bearertest.ConsentDeny})
	w.login(append([]string{"acme"}, w.endpoints()...)...)
	if files, err := os.ReadDir(os.Getenv("BEARER_HOME")); err != nil || strings.Contains(listed(files), "bearer.yaml") {
		t.Errorf("got the files %s (%v), want no bearer.yaml", listed(files), err)
	}
}

func listed(files []os.DirEntry) string {
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	return strings.Join(names, " ")
}

// --config names the file that is written, and ./bearer.yaml is never written.
func TestWhichFileALoginWrites(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	login := append([]string{"acme"}, w.endpoints()...)
	w.loggedIn(append(login, "--config", "new.yaml")...)
	if text, err := os.ReadFile("new.yaml"); err != nil || !strings.Contains(string(text), "acme:") {
		t.Errorf("--config: got %q and %v, want the declaration", text, err)
	}
	w.ok("token", "acme", "--config", "new.yaml")

	const found = "clients: {matter: {provider: matter, client_id: x}}\n"
	write(t, declaration.Name, found)
	path, err := declaration.Own()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.loggedIn(login...), "In this folder bearer.yaml counts instead: add --config "+path+".\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q at its end", got, want)
	}
	if text, err := os.ReadFile(declaration.Name); err != nil || string(text) != found {
		t.Errorf("got %q and %v, want ./bearer.yaml as it was", text, err)
	}
	w.fails(exitUsage, path+" has it, so name that one with --config", "token", "acme")
	w.fails(exitUsage, path+" has it, so name that one with --config", "revoke", "acme", "--revoke-url", w.URL)
	w.fails(exitUsage, `there is no client "matrica"`, "token", "matrica") // it is not declared behind the user's back
	// What is wrong with the file that does not matter does not matter.
	write(t, declaration.Name, "clients: [")
	w.loggedIn(append(login, "--scope", "x")...)
	write(t, declaration.Name, found)
	w.fails(exitFailed, "no such file", append([]string{"login", "acme", "--no-browser", "--config", "absent/new.yaml"}, w.endpoints()...)...)
	w.fails(exitUsage, "matter is declared in bearer.yaml: change it there", "token", "matter", "--scope", "x")
	write(t, "x.json", `{"clients": {}}`)
	w.fails(exitFailed, "x.json: it is JSON, and this program cannot edit it; declare the client acme there by hand", "token", "acme", "--token-url", w.URL, "--config", "x.json")
}

// A secret from stdin is used, or it is an error to give one.
func TestASecretFromStdinThatIsNotUsed(t *testing.T) {
	newWorld(t, bearertest.Config{})
	write(t, "x.yaml", "clients:\n  a: {provider: matter, client_id: x, client_secret: y}\n  b: {provider: matrica, client_id: x, auth_method: none}\n")
	for _, args := range [][]string{{"token", "a"}, {"login", "b"}} {
		var out, errs strings.Builder
		status := run(t.Context(), append(args, "--config", "x.yaml", "--client-secret-file", "-"), strings.NewReader(clientSecret), &out, &errs)
		if status != exitUsage || !strings.Contains(errs.String(), "has another secret, or needs none") {
			t.Errorf("%q: got status %d and %q, want %d and that it is not used", args, status, errs.String(), exitUsage)
		}
	}
}

// A keyring that is not there is found out before the user consents.
func TestNoConsentWithoutTheKeyring(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	keyring.MockInitWithError(keyring.ErrUnsupportedPlatform)
	defer keyring.MockInit()
	w.fails(exitFailed, "the token could not be kept: the keyring: ", append([]string{"login", "acme", "--store", "keyring", "--no-browser"}, w.endpoints()...)...)
	if got := len(w.Requests("")); got != 0 {
		t.Errorf("got %d requests, want none", got)
	}
}

// Consent is asked for only once it is known that its result can be kept.
func TestNoConsentForWhatCannotBeKept(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	if runtime.GOOS != "linux" {
		t.Skip("needs a folder that even root cannot write to")
	}
	t.Setenv("BEARER_HOME", "/proc/bearer")
	w.fails(exitFailed, "acme could not be declared", append([]string{"login", "acme", "--no-browser"}, w.endpoints()...)...)
	write(t, "bearer.yaml", "clients: {acme: {provider: matrica, client_id: x, store: false}, b: {provider: matrica, client_id: x}}")
	w.fails(exitUsage, "remove store: false", "login", "acme")
	w.fails(exitUsage, "it does not decide where your login goes: read it, then type bearer allow", "login", "b")
	w.fails(exitFailed, "the token could not be kept", "login", "b", "--config", "bearer.yaml")
	if got := len(w.Requests("")); got != 0 {
		t.Errorf("got %d requests, want none", got)
	}
}

// A name of a known provider is enough, and another name takes --provider.
func TestKnownProviders(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.setSecret(clientSecret, "mine")
	for _, args := range [][]string{{"matrica", "--no-browser"}, {"mine", "--provider", "metafy", "--no-browser"}} {
		// It waits for a browser, at the provider's own page.
		cmd := program(t, append([]string{"login"}, args...)...)
		errs, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := make([]byte, 4096)
		text := ""
		for !strings.Contains(text, "client_id=client") {
			n, err := errs.Read(said)
			if text += string(said[:n]); err != nil {
				t.Fatalf("%q: got %q, want the page to open", args, text)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
	}
	w.fails(exitUsage, "leave out --issuer and --token-url", "login", "mine", "--provider", "metafy", "--issuer", "https://auth.example.com")
	w.fails(exitUsage, `--provider: "metafi" is not a provider; did you mean metafy?`, "login", "mine", "--provider", "metafi")
	w.fails(exitUsage, "bearer token mine", "login", "mine", "--provider", "matter")
	w.fails(exitUsage, "--provider matrica|matter|metafy", "login", "mine", "--scope", "x")
}

func TestClientNamesAreCompleted(t *testing.T) {
	newWorld(t, bearertest.Config{})
	// Neither an approval nor its variable is needed to see the names.
	write(t, declaration.Name, "clients:\n  b: {client_id: '${ABSENT}'}\n  a: {client_secret_command: [touch, ran]}\n  \"$(touch ran)\": {}\n  \"x\\ny\": {}\n")
	for _, args := range [][]string{{"token"}, {"login"}, {"revoke"}, {"logout"}} {
		_, got, _ := exec(t, append(append([]string{"__complete"}, args...), "")...)
		if !strings.HasPrefix(got, "b\na\n:4\n") {
			t.Errorf("%q: got %q, want b and a, and no files", args, got)
		}
	}
	write(t, declaration.Name, "clients: [")
	if _, got, _ := exec(t, "__complete", "token", ""); !strings.HasPrefix(got, ":4\n") {
		t.Errorf("a faulty file: got %q, want nothing", got)
	}
	if _, err := os.Stat("ran"); err == nil {
		t.Error("completion ran a command")
	}
}

// A script can tell apart what it can do.
func TestExitStatuses(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	token := w.Endpoint(bearertest.TokenEndpoint)
	w.fails(exitTemporary, "503", "token", "acme", "--token-url", w.down())
	w.fails(exitFailed, "invalid_client", "token", "acme", "--token-url", token, "--client-id", "typo")
	w.fails(exitLogin, "run bearer login matrica", "token", "matrica")
	w.fails(exitUsage, "", "token")
	if got := w.ok("help", "exit-status"); !strings.Contains(got, "75") {
		t.Errorf("got %q, want the exit statuses", got)
	}
	if got := w.ok("help", "file"); !strings.Contains(got, "BEARER_CONFIG") {
		t.Errorf("got %q, want which file counts", got)
	}
}

// down returns the token endpoint, which answers 503 once.
func (w *world) down() string {
	w.Fault(bearertest.TokenEndpoint, bearertest.Fault{Status: 503, Times: 1, Header: map[string][]string{"Retry-After": {"3600"}}})
	return w.Endpoint(bearertest.TokenEndpoint)
}
