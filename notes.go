package bearer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"example.com/bearer/internal/instant"
)

// Notes are what the processes that share a credential tell each other in its
// record, beside the token. They are written by a [Swapper] only, and no token is
// ever taken for another one because its notes differ.
type notes struct {
	// Intent says that a refresh token is about to be sent, by a request whose
	// outcome is not known yet. The outcome removes it.
	Intent *intent `json:"intent,omitempty"`

	// Reusable says that the last refresh left the refresh token as it was: the
	// server does not rotate, and a refresh needs no intent.
	Reusable bool `json:"reusable,omitempty"`

	// Failure is the last refresh, if it failed.
	Failure *report `json:"failure,omitempty"`

	// Renewals are for which hosts the token was renewed lately, as in futile.
	Renewals []renewal `json:"renewals,omitempty"`
}

// An intent is a refresh token of which it is not known whether it is spent.
type intent struct {
	Token string    `json:"token"` // its hash
	By    string    `json:"by"`    // who sends it
	ID    string    `json:"id"`    // of this attempt: no two records with an intent are the same
	At    time.Time `json:"at"`    // when it was first about to be sent
}

// of reports whether i is the intent to send t's refresh token.
func (i *intent) of(t *Token) bool {
	return i != nil && t != nil && t.RefreshToken != "" && i.Token == hashOf(t.RefreshToken)
}

// hashOf names a refresh token without showing it.
func hashOf(refreshToken string) string {
	sum := sha256.Sum256([]byte(refreshToken))
	return hex.EncodeToString(sum[:])
}

// A report is a failed refresh as it is told to other processes. It holds until
// its pause is over: a process that is configured wrong keeps the others from
// the endpoint no longer than that.
type report struct {
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Since time.Time `json:"since"` // of the first failure in a row
	Until time.Time `json:"until"` // callers without a token share it until then
	Retry time.Time `json:"retry"` // no refresh in the background before
	Text  string    `json:"text"`  // what went wrong

	// Refused says that the server refused the refresh token. Otherwise the
	// endpoint is sick. Each process asks once for itself before it gives up.
	Refused bool `json:"refused,omitempty"`
}

// mostText bounds report.Text.
const mostText = 500

// mostHeard bounds failure.heard. Beyond it the process that was heard first is
// forgotten, and may be heard again.
const mostHeard = 8

// fresh reports whether the report is to be heeded at now: clocks differ, and
// the past of another process is no reason to wait for long.
func (r *report) fresh(now time.Time) bool {
	if r == nil {
		return false
	}
	age := now.Sub(r.At)
	return age > -longestPause && age < longestRetryAfter
}

// left returns what is left at now of the pause that ends at t: no more than
// all of it, whatever the clock of the process that reports it shows.
func (r *report) left(t, now time.Time) time.Duration {
	return max(0, min(t.Sub(now), t.Sub(r.At), longestPause))
}

// err is what those who wait are told.
func (r *report) err() error {
	text := "in another process: " + strings.TrimPrefix(r.Text, "in another process: ")
	if r.Refused {
		return &wrapped{text, ErrLoginRequired}
	}
	return errors.New(text)
}

// A renewal is a futileHost in a record.
type renewal struct {
	Host string    `json:"host"`
	N    int       `json:"n"`
	At   time.Time `json:"at"`
}

// renewals returns f for a record: what still makes a host wait at now, with
// the hosts that are known by name.
func (f futile) renewals(now time.Time) []renewal {
	var all []renewal
	for _, h := range f {
		if age := h.last.Since(instant.At(now, now)); h.host != "" && age < renewalPause(h.n) {
			all = append(all, renewal{h.host, h.n, now.Add(-age).Round(0).UTC()})
		}
	}
	return all
}

// told returns f with what other processes have renewed, as far as it makes a
// host wait at now, so that a host which rejects every token costs a fleet no
// more renewals than one process.
func (f futile) told(all []renewal, now time.Time) futile {
	n := instant.At(now, now)
	for _, r := range all {
		age := now.Sub(r.At)
		if r.Host == "" || r.N < 1 || age < -longestPause || age >= renewalPause(r.N) || f.count(r.Host, n) >= r.N {
			continue
		}
		if i := f.index(r.Host); i < 0 && len(f) == mostFutile {
			break // hosts that this process knows go first
		}
		f = append(f.accepted(r.Host), futileHost{r.Host, r.N, n.Add(-max(0, age))})
	}
	return f
}
