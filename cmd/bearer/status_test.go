package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"

	"example.com/bearer/bearertest"
	"example.com/bearer/cmd/bearer/internal/vault"
)

func TestStatusShowsWhatIsStored(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	if got, want := w.ok("status"), "Nothing is stored. Begin with bearer login or bearer token.\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := w.ok("status", "--json"), "[]\n"; got != want {
		t.Errorf("--json: got %q, want %q", got, want)
	}
	w.loggedIn(append([]string{"acme"}, w.endpoints()...)...)
	w.loggedIn(append([]string{"metafy"}, w.endpoints()...)...)
	w.ok("token", "matter", "--store", vault.Keyring, "--token-url", w.Endpoint(bearertest.TokenEndpoint))
	w.ok("token", "stale", "--token-url", w.Endpoint(bearertest.TokenEndpoint))
	w.expire("acme")
	w.expire("stale")
	requests := w.Counts().TokenRequests()

	host := regexp.QuoteMeta(strings.TrimPrefix(w.URL, "http://"))
	want := regexp.MustCompile(`(?s)^` + strings.Join([]string{
		`NAME +SERVER +CLIENT +STORE +TOKEN +EXPIRES +THEN`,
		`acme +` + host + ` +client +dir +expired +\d+ days ago +is refreshed`,
		`matter +` + host + ` +client +keyring +valid +in 59m +is requested again`,
		`metafy +` + host + ` +client +dir +valid +in 59m +is refreshed`,
		`stale +` + host + ` +client +dir +expired +- +is requested again`,
	}, `\n`) + `\n$`)
	if got := w.ok("status"); !want.MatchString(got) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	w.wantTokenRequests(requests)

	// A keyring that fails does not hide the rest.
	keyring.MockInitWithError(keyring.ErrUnsupportedPlatform)
	got := w.statuses()
	if len(got) != 4 || got[1].State != "unreadable" || got[2].State != "valid" {
		t.Errorf("without the keyring: got %+v, want matter unreadable and metafy valid", got)
	}
	if got := w.ok("status"); !strings.Contains(got, "\nmatter: the keyring: ") {
		t.Errorf("without the keyring: got\n%swant why", got)
	}
}

func TestTheKeyringIsTakenWhereThereIsOne(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	t.Setenv(storeVariable, "")
	url := w.Endpoint(bearertest.TokenEndpoint)
	w.ok("token", "with", "--token-url", url)
	keyring.MockInitWithError(keyring.ErrUnsupportedPlatform)
	w.ok("token", "without", "--token-url", url)
	got := w.statuses()
	if len(got) != 2 || got[0].Store != vault.Keyring || got[1].Store != vault.Dir {
		t.Errorf("got %+v, want one in the keyring and one in files", got)
	}
	// Without the keyring there is a token nevertheless, and a warning.
	status, token, stderr := exec(t, "token", "with")
	if status != exitOK || !w.accepted(token) || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "warning: the token could not be stored: the keyring") {
		t.Errorf("without the keyring: got status %d and stderr %q, want a token and one line", status, stderr)
	}
}
