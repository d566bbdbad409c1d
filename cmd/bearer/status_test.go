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
	w.fails(exitUsage, "make one with bearer init", "status")
	w.loggedIn(append([]string{"acme"}, w.endpoints()...)...)
	w.loggedIn(append([]string{"metafy"}, w.endpoints()...)...)
	w.ok("token", "matter", "--store", vault.Keyring, "--token-url", w.Endpoint(bearertest.TokenEndpoint))
	w.ok("token", "stale", "--token-url", w.Endpoint(bearertest.TokenEndpoint))
	w.setSecret(clientSecret, "never")
	w.loggedIn(append([]string{"never"}, w.endpoints()...)...)
	w.ok("logout", "never")
	w.expire("acme")
	w.expire("stale")
	requests := w.Counts().TokenRequests()

	host := regexp.QuoteMeta(strings.TrimPrefix(w.URL, "http://"))
	want := regexp.MustCompile(`(?s)^` + strings.Join([]string{
		`NAME +SERVER +CLIENT +STORE +TOKEN +EXPIRES +THEN`,
		`acme +` + host + ` +client +dir +expired +\d+ days ago +is refreshed`,
		`matter +` + host + ` +client +keyring +valid +in 59m +is requested`,
		`metafy +` + host + ` +client +dir +valid +in 59m +is refreshed`,
		`never +` + host + ` +client +dir +missing +- +bearer login never`,
		`stale +` + host + ` +client +dir +expired +- +is requested`,
	}, `\n`) + `\n$`)
	if got := w.ok("status"); !want.MatchString(got) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	w.wantTokenRequests(requests)

	// A keyring that fails does not hide the rest.
	keyring.MockInitWithError(keyring.ErrUnsupportedPlatform)
	got := w.statuses()
	if len(got) != 5 || got[1].State != "unreadable" || got[2].State != "valid" {
		t.Errorf("without the keyring: got %+v, want matter unreadable and metafy valid", got)
	}
	if got := w.ok("status"); !strings.Contains(got, "\nmatter: the keyring: ") {
		t.Errorf("without the keyring: got\n%swant why", got)
	}
}

func TestTheKeyringIsTakenWhereThereIsOne(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	t.Setenv(vault.Variable, "")
	url := w.Endpoint(bearertest.TokenEndpoint)
	w.ok("token", "with", "--token-url", url)
	w.ok("token", "other", "--token-url", url, "--store", vault.Dir)
	if got := w.statuses(); len(got) != 2 || got[0].Store != vault.Dir || got[1].Store != vault.Keyring {
		t.Errorf("got %+v, want one in files and one in the keyring", got)
	}
	keyring.MockInitWithError(keyring.ErrUnsupportedPlatform)
	// Without the keyring there is a token nevertheless, and a warning.
	status, token, stderr := exec(t, "token", "with")
	if status != exitOK || !w.accepted(token) || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "warning: the token could not be stored: the keyring") {
		t.Errorf("without the keyring: got status %d and stderr %q, want a token and one line", status, stderr)
	}
}
