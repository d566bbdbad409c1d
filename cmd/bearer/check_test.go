package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
	"example.com/bearer/cmd/bearer/internal/declaration"
)

func TestCheckTellsAllFaults(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	write(t, declaration.Name, "clients:\n  a:\n    token_url: https://auth.test/token\n    client_idd: x\n    refresh: {before: 5 minutes}\n")
	status, stdout, stderr := exec(t, "check")
	if status != exitFailed || stdout != "" || strings.Contains(stderr, "approved") {
		t.Errorf("got status %d, stdout %q and stderr %q, want %d, nothing, and nothing of an approval", status, stdout, stderr, exitFailed)
	}
	for _, line := range []string{
		"bearer.yaml:4:5: clients.a: client_idd is not a known key; did you mean client_id?\n",
		"bearer.yaml:5:23: clients.a.refresh.before: \"5 minutes\" is not a duration; write 5m\n",
	} {
		if !strings.Contains(stderr, line) {
			t.Errorf("got %q, want the line %q", stderr, line)
		}
	}
	status, stdout, stderr = exec(t, "check", "--json")
	var got report
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || status != exitFailed || stderr != "" {
		t.Fatalf("--json: got status %d, stderr %q and %v, want %d and an object on stdout", status, stderr, err, exitFailed)
	}
	if got.Valid || len(got.Faults) != 2 || got.Faults[0].Line != 4 || got.Faults[0].Column != 5 || got.Faults[0].Path != "clients.a" {
		t.Errorf("--json: got %+v, want both faults", got)
	}
	write(t, declaration.Name, "clients: {a: {provider: matter, client_id: x}}")
	if got := w.ok("check"); got != "bearer.yaml is valid and declares 1 client. It is not approved, and so confined: see bearer allow --help.\n" {
		t.Errorf("got %q, want that it is valid", got)
	}
	w.ok("allow")
	if got := w.ok("check"); got != "bearer.yaml is valid and declares 1 client.\n" {
		t.Errorf("approved: got %q, want that it is valid", got)
	}
	w.fails(exitUsage, "--config: open absent.yaml: no such file", "check", "--config", "absent.yaml")
}

// check --live gets one token for each credential, and says how each client
// fared.
func TestCheckLive(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.setSecret(clientSecret, "chained")
	w.loggedIn(append([]string{"acme"}, w.endpoints()...)...)
	requests := w.Counts().TokenRequests()
	token := w.Endpoint(bearertest.TokenEndpoint)
	write(t, w.declared().file.Path, strings.ReplaceAll(`
defaults: {token_url: "TOKEN", client_id: client}
clients:
  acme: {auth_url: "`+w.Endpoint(bearertest.AuthorizeEndpoint)+`", grant_type: authorization_code, auth_method: client_secret_basic}
  app: {}
  chained: {grant_type: token_exchange, chain: acme}
  never: {auth_url: "`+w.Endpoint(bearertest.AuthorizeEndpoint)+`", grant_type: authorization_code}
  shares: {use: app, hosts: [api.example.com]}
`, "TOKEN", token))
	status, stdout, stderr := exec(t, "check", "--live")
	want := regexp.MustCompile(`(?s)^` + strings.Join([]string{
		`NAME +TOKEN +TOOK +EXPIRES`,
		`acme +ok +\d\.\d{3}s +in 59m`,
		`app +ok +\d\.\d{3}s +in 59m`,
		`chained +ok +\d\.\d{3}s +in 59m`,
		`never +login required +\d\.\d{3}s +-`,
		`shares +ok +\d\.\d{3}s +in 59m`,
	}, `\n`) + `\n$`)
	if status != exitLogin || !want.MatchString(stdout) || !strings.HasPrefix(stderr, "bearer: never: ") || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "run bearer login never") {
		t.Errorf("got status %d, stderr %q and\n%swant status %d and\n%s", status, stderr, stdout, exitLogin, want)
	}
	w.wantTokenRequests(requests + 2) // app's and that of chained; acme's is stored

	// What fails counts more, and does not hide the others.
	w.setSecret("wrong", "app")
	status, stdout, stderr = exec(t, "check", "--live", "--json")
	var got report
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	results := ""
	for _, c := range got.Clients {
		results += c.Name + ":" + c.Result + " "
	}
	if status != exitFailed || results != "acme:ok app:failed chained:ok never:login_required shares:failed " || !strings.Contains(stderr, "invalid_client") {
		t.Errorf("--json: got status %d, %q and stderr %q, want %d and which failed", status, results, stderr, exitFailed)
	}
	w.wantTokenRequests(requests + 4)
}

func TestSchemaIsJSON(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	if got := w.ok("schema"); !json.Valid([]byte(got)) || !strings.Contains(got, "client_secret_file") {
		t.Errorf("got %.80q, want a schema", got)
	}
}

// A token whose answer says no lifetime has the one that the client declares.
func TestCheckLiveKnowsTheDefaultLifetime(t *testing.T) {
	w := newWorld(t, bearertest.Config{TokenLifetime: -1})
	write(t, "f.yaml", "clients: {app: {token_url: '"+w.Endpoint(bearertest.TokenEndpoint)+"', client_id: client, default_lifetime: 10m}}")
	if got := w.ok("check", "--live", "--config", "f.yaml"); !strings.Contains(got, "in 9m") {
		t.Errorf("got %q, want an expiry in ten minutes", got)
	}
}
