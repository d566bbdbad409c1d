package bearer_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
	"example.com/bearer/internal/mistake"
)

// renew has the process refresh the token that is in the Store, which is valid.
func renew(t *testing.T, m *member) (*bearer.Token, error) {
	at := m.at
	m.at = nil
	if _, err := m.cache.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.at = at
	m.steps()
	return m.cache.Renew(t.Context(), nil)
}

// sendsOf is how often the process of that name was about to send.
func sendsOf(steps []string, name string) int {
	n := 0
	for _, step := range steps {
		if step == name+" before send" {
			n++
		}
	}
	return n
}

// G22: the intent is in the record before the refresh token is sent, and the
// outcome replaces it. That is one write more.
func TestG22IntentComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.login(t)
		m := f.member("A")
		intent := ""
		m.at = func(step string) {
			if step == "before send" {
				data, _ := f.store.Get(t.Context(), "k")
				intent = string(data)
			}
		}
		time.Sleep(10 * time.Second)
		if _, err := m.cache.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(intent, `"intent":{"token":"`) || !strings.Contains(intent, `"refresh_token":"r0"`) {
			t.Errorf("the record when r0 was sent: got %s, want one with an intent", intent)
		}
		if data, _ := f.store.Get(t.Context(), "k"); strings.Contains(string(data), "intent") || !strings.Contains(string(data), `"r1"`) {
			t.Errorf("the record afterwards: got %s, want r1 without an intent", data)
		}
		writes := 0
		for _, step := range f.steps() {
			if step == "A after swap" || step == "A after put" {
				writes++
			}
		}
		if writes != 2 {
			t.Errorf("got %d writes, want one of the intent and one of the token", writes)
		}
	})
}

// G22: a server that leaves the refresh token as it is needs no intent, once that
// has been seen.
func TestG22ServerThatDoesNotRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.rotates = false
		f.login(t)
		c := f.join("A")
		for n, want := range []int{2, 1, 1} {
			time.Sleep(10 * time.Second)
			if _, err := c.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			steps := f.steps()
			if got := len(slices.DeleteFunc(steps, func(s string) bool { return s != "A after swap" })); got != want {
				t.Errorf("refresh %d: got %d writes, want %d", n+1, got, want)
			}
		}
		f.set(func() { f.rotates = true })
		for n, want := range []int{1, 2} { // the first is a surprise
			time.Sleep(10 * time.Second)
			if _, err := c.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			steps := f.steps()
			if got := len(slices.DeleteFunc(steps, func(s string) bool { return s != "A after swap" })); got != want {
				t.Errorf("refresh %d after the server began to rotate: got %d writes, want %d", n+1, got, want)
			}
		}
	})
}

// G22: whatever the step at which a process is killed, the login survives where
// the server has not processed the refresh token, and in any case if the server
// accepts it again for more than three leases. As long as the access token is
// valid it is served, and without a grace the refresh token is left alone.
func TestG22Killed(t *testing.T) {
	// The steps of one refresh, as they are.
	var steps []string
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.login(t)
		time.Sleep(5 * time.Second)
		if _, err := renew(t, f.member("A")); err != nil {
			t.Fatal(err)
		}
		steps = f.steps()
	})
	if n := len(steps); n < 14 {
		t.Fatalf("got %d steps of a refresh, want more: %v", n, steps)
	}
	for _, grace := range []time.Duration{0, 10 * time.Second} {
		for n := range steps {
			name := strings.TrimPrefix(steps[n], "A ")
			t.Run(grace.String()+" of grace, "+name+" as step "+string(rune('a'+n)), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFleet()
					f.grace, f.declared = grace, grace
					first := f.login(t)
					time.Sleep(5 * time.Second)
					a := f.member("A")
					left := n
					a.at = func(string) {
						if left == 0 {
							a.kill()
						}
						left--
					}
					_, _ = renew(t, a)
					processed, _ := f.requests()
					data, _ := f.store.Get(t.Context(), "k")
					saved := strings.Contains(string(data), `"r1"`)
					intended := strings.Contains(string(data), `"intent"`)
					f.steps()

					// Another process serves what there is while it is valid.
					b := f.join("B")
					for time.Until(first.Expiry) > 0 {
						if _, err := b.Token(t.Context()); err != nil {
							t.Fatalf("while the token is valid: got %v, want it", err)
						}
						time.Sleep(100 * time.Millisecond)
					}
					sent := sendsOf(f.steps(), "B")
					if intended && grace == 0 && sent > 0 {
						t.Error("a refresh token that may be spent was sent while the access token was valid")
					}
					if intended && grace > 0 && sent != 1 {
						t.Errorf("within the grace the refresh token was sent %d times, want once", sent)
					}
					_, err := b.Token(t.Context())
					survives := processed == 0 || saved || grace > 0
					switch {
					case survives && err != nil:
						t.Errorf("got %v, want that the login survives", err)
					case !survives && !errors.Is(err, bearer.ErrLoginRequired):
						t.Errorf("got %v, want ErrLoginRequired: the server has spent the refresh token", err)
					}
					if _, revoked := f.requests(); revoked && survives {
						t.Error("the server has seen a refresh token twice")
					}
				})
			})
		}
	}
}

// G22: a process that comes back with the successor, after its lease, stores it
// if the token that it replaced is still there, and drops it otherwise.
func TestG22LateOutcome(t *testing.T) {
	for _, taken := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			f.life = time.Hour
			f.login(t)
			a, b := f.member("A"), f.member("B")
			a.at = func(step string) {
				if step != "after send" {
					return
				}
				a.suspend(4 * time.Second) // longer than the lease
				if taken {
					if err := b.cache.Set(t.Context(), &bearer.Token{AccessToken: "b", RefreshToken: "rb", Expiry: time.Now().Add(time.Hour)}); err != nil {
						t.Error(err)
					}
				}
			}
			got, err := renew(t, a)
			if err != nil {
				t.Fatal(err)
			}
			want := "a1"
			if taken {
				want = "b"
			}
			if got.AccessToken != want {
				t.Errorf("login elsewhere meanwhile %v: got %q, want %q", taken, got.AccessToken, want)
			}
			if next, err := f.join("C").Token(t.Context()); err != nil || next.AccessToken != want {
				t.Errorf("login elsewhere meanwhile %v: the Store has %v and %v, want %q", taken, next, err, want)
			}
		})
	}
}

// G22: a holder that was suspended past its lease before it sends, or between two
// attempts, looks at its lease, and sends nothing beside the new holder.
func TestG22SuspendedBeforeSending(t *testing.T) {
	for _, row := range []struct {
		at string
		a  int // how often A sends
	}{{"before swap", 0}, {"after swap", 0}, {"after send", 1}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			f.login(t)
			f.down = true
			a, stopped := f.member("A"), false
			a.at = func(step string) {
				if step == row.at && !stopped {
					stopped = true
					f.set(func() { f.down = false })
					a.suspend(4 * time.Second)
				}
			}
			time.Sleep(10 * time.Second)
			b := f.member("B")
			b.at = func(step string) {
				if step == "before send" {
					b.suspend(2 * time.Second) // A comes back meanwhile
				}
			}
			done := make(chan error)
			go func() {
				_, err := a.cache.Token(t.Context())
				done <- err
			}()
			time.Sleep(time.Second)
			if _, err := b.cache.Token(t.Context()); err != nil {
				t.Errorf("B: got %v, want a token", err)
			}
			if err := <-done; err != nil {
				t.Errorf("A: got %v, want B's token", err)
			}
			steps := f.steps()
			if a, b := sendsOf(steps, "A"), sendsOf(steps, "B"); a != row.a || b != 1 {
				t.Errorf("suspended %s: A sent %d times and B %d times, want %d and 1: %v", row.at, a, b, row.a, steps)
			}
			if _, revoked := f.requests(); revoked {
				t.Error("the server has seen a refresh token twice")
			}
		})
	}
}

// G22: a lease of more than a third of the reuse grace leaves no time for the
// next holder, and the grace counts as none. The log says so, once.
func TestG22LeaseTooLongForTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.grace, f.declared, f.lease = 30*time.Second, 30*time.Second, 11*time.Second
		f.life = time.Hour
		f.login(t)
		a := f.member("A")
		a.at = func(step string) {
			if step == "after send" {
				a.kill()
			}
		}
		_, _ = renew(t, a)
		f.steps()
		time.Sleep(11 * time.Second)
		var log bytes.Buffer
		b := f.join("B")
		b.Logger = slog.New(slog.NewTextHandler(&log, nil))
		for range 3 {
			if _, err := b.Token(t.Context()); err != nil {
				t.Errorf("got %v, want the valid token", err)
			}
			_, _ = b.Renew(t.Context(), nil)
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		if n := sendsOf(f.steps(), "B"); n != 0 {
			t.Errorf("B sent the refresh token %d times, want that it is left alone", n)
		}
		if n := strings.Count(log.String(), "a third of the server's reuse grace"); n != 1 {
			t.Errorf("got %d warnings, want 1: %s", n, &log)
		}
	})
}

// G22: what was interrupted longer ago than two thirds of the grace is left alone
// as if there were none.
func TestG22GraceIsOver(t *testing.T) {
	for late, want := range map[time.Duration]int{6 * time.Second: 1, 7 * time.Second: 0} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			f.grace, f.declared = 10*time.Second, 10*time.Second
			f.life = time.Hour
			f.login(t)
			a, b := f.member("A"), f.member("B")
			a.at = func(step string) {
				if step == "after send" {
					a.kill()
				}
			}
			if _, err := b.cache.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, _ = renew(t, a)
			f.steps()
			time.Sleep(late - time.Since(began))
			_, err := b.cache.Renew(t.Context(), nil)
			if n := sendsOf(f.steps(), "B"); n != want || (err == nil) != (want == 1) {
				t.Errorf("after %v: got %d requests and %v, want %d", late, n, err, want)
			}
			if _, err := b.cache.Token(t.Context()); err != nil {
				t.Errorf("after %v: got %v, want a valid token", late, err)
			}
		})
	}
}

// G22: the grace counts from the first time that the refresh token was sent, also
// if a second process has died with it since.
func TestG22GraceCountsFromTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.grace, f.declared = 10*time.Second, 10*time.Second
		f.life = time.Hour
		f.login(t)
		began := time.Now()
		for n, name := range []string{"A", "B"} {
			m := f.member(name)
			m.at = func(step string) {
				if step == "after send" {
					m.kill()
				}
			}
			time.Sleep(time.Duration(n)*4*time.Second - time.Since(began))
			_, _ = renew(t, m)
			if n := sendsOf(f.steps(), name); n != 1 {
				t.Fatalf("%s sent %d times, want once", name, n)
			}
		}
		time.Sleep(9*time.Second - time.Since(began))
		_, _ = renew(t, f.member("C"))
		if n := sendsOf(f.steps(), "C"); n != 0 {
			t.Errorf("C sent %d times 9 s after the first, want that it leaves the refresh token alone", n)
		}
	})
}

// G22: an intent by a clock that differs so much that its age is not known has no
// grace: the refresh token is left alone while the access token is valid.
func TestG22ClocksThatDiffer(t *testing.T) {
	for ahead, want := range map[time.Duration]int{0: 1, 500 * time.Millisecond: 1, 10 * time.Second: 0, time.Hour: 0, -time.Hour: 0} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			f.grace, f.declared = 10*time.Second, 10*time.Second
			f.life = time.Hour
			f.login(t)
			a := f.member("A")
			a.at = func(step string) {
				if step == "after send" {
					a.kill()
				}
			}
			_, _ = renew(t, a)
			data, err := f.store.Get(t.Context(), "k")
			if err != nil {
				t.Fatal(err)
			}
			at := regexp.MustCompile(`"at":"[^"]*"`)
			data = at.ReplaceAll(data, []byte(`"at":"`+time.Now().Add(ahead).UTC().Format(time.RFC3339Nano)+`"`))
			if err := f.store.Put(t.Context(), "k", data); err != nil {
				t.Fatal(err)
			}
			f.steps()
			_, _ = renew(t, f.member("B"))
			if n := sendsOf(f.steps(), "B"); n != want {
				t.Errorf("an intent from %v ahead: B sent %d times, want %d", ahead, n, want)
			}
		})
	}
}

// G22: an intent that appears while another process has the lock, as after the
// failover of a server, is one that may be under way.
func TestG22LockOfTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.life = time.Hour
		f.login(t)
		a, b := f.member("A"), f.member("B")
		a.at = func(step string) {
			if step == "after send" {
				a.kill()
			}
		}
		stolen := false
		b.at = func(step string) {
			if step == "before swap" && !stolen {
				stolen = true
				f.set(func() { f.holder = nil })
				_, _ = renew(t, a)
				f.set(func() { f.holder, f.lost = b, time.Time{} })
			}
		}
		_, _ = renew(t, b)
		if n := sendsOf(f.steps(), "B"); n != 0 || !stolen {
			t.Errorf("B sent %d times, want that it sees A's intent", n)
		}
	})
}

// G22: a process that was suspended between two attempts, while another one had
// the lock and failed too, begins anew, with an intent.
func TestG22SuspendedBetweenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.login(t)
		f.down = true
		a, b := f.member("A"), f.member("B")
		b.cache.RetryFor = -1
		sends := 0
		a.at = func(step string) {
			switch step {
			case "before send":
				sends++
				if data, _ := f.store.Get(t.Context(), "k"); !strings.Contains(string(data), `"intent"`) {
					t.Errorf("request %d is not announced: %s", sends, data)
				}
			case "after send":
				if sends == 1 {
					a.suspend(4 * time.Second)
					f.set(func() { f.down = false })
				}
			}
		}
		time.Sleep(10 * time.Second)
		go func() {
			time.Sleep(time.Second)
			_, _ = b.cache.Token(t.Context())
		}()
		if _, err := a.cache.Token(t.Context()); err != nil || sends != 2 {
			t.Errorf("got %v after %d requests, want a token with the second", err, sends)
		}
	})
}

// G22: an answer that says that the server has not processed the request takes
// the intent back: the next process does not take the refresh token for spent.
func TestG22IntentIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.life = time.Hour
		f.login(t)
		a := f.member("A")
		f.down = true
		if _, err := renew(t, a); err == nil {
			t.Fatal("got no error")
		}
		a.kill()
		f.set(func() { f.down = false })
		time.Sleep(time.Minute)
		b := f.member("B")
		if _, err := renew(t, b); err != nil {
			t.Errorf("got %v, want a new token", err)
		}
	})
}

// G22: a lost answer within the declared grace is asked for again at once, also
// while the access token is valid, and not after the grace.
func TestG22LostAnswerWithinTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.grace, f.declared = 30*time.Second, 30*time.Second
		f.login(t)
		time.Sleep(7 * time.Second)
		sends := 0
		c := &bearer.Cache{Source: &losing{f.member("A"), &sends}, Store: memberStore{f.member("A")}, Key: "k"}
		if _, err := c.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Renew(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if _, revoked := f.requests(); revoked || sends != 2 {
			t.Errorf("got %d requests, revoked %v; want one repeat", sends, revoked)
		}
	})
}

// losing is a member whose first answer is lost.
type losing struct {
	*member
	sends *int
}

func (l *losing) Refresh(ctx context.Context, prev *bearer.Token) (*bearer.Token, error) {
	*l.sends++
	t, err := l.member.Refresh(ctx, prev)
	if *l.sends == 1 {
		return nil, errors.New("the connection was cut")
	}
	return t, err
}

// G20: the processes of a fleet do not each ask an endpoint that is dead. One
// asks, and after its pause it asks again, with one more that has heard it
// before. One request ends the outage for all.
func TestG20OneOutageForTheFleet(t *testing.T) {
	outage := func(t *testing.T, processes int, cold bool) (during, after int) {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			f.life = 10 * time.Minute
			caches := make([]*bearer.Cache, processes)
			for i := range caches {
				m := f.member(string(rune('A' + i)))
				m.cache.Source = bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
					return f.serve("")
				})
				caches[i] = m.cache
			}
			f.rotates = false
			if !cold {
				if _, err := caches[0].Token(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Minute)
			}
			f.set(func() { f.down, f.calls = true, 0 })
			began := time.Now()
			for time.Since(began) < 5*time.Minute {
				for _, c := range caches {
					go func() {
						ctx, cancel := context.WithTimeout(t.Context(), time.Second)
						defer cancel()
						_, _ = c.Token(ctx)
					}()
				}
				time.Sleep(time.Second)
			}
			during, _ = f.requests()
			f.set(func() { f.down, f.calls = false, 0 })
			time.Sleep(45 * time.Second)
			for i, c := range caches {
				ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
				if _, err := c.Token(ctx); err != nil {
					t.Errorf("process %d after the outage: %v", i, err)
				}
				cancel()
			}
			after, _ = f.requests()
		})
		return during, after
	}
	for _, cold := range []bool{false, true} {
		one, _ := outage(t, 1, cold)
		many, after := outage(t, 16, cold)
		t.Logf("cold start %v: %d requests of one process in an outage of 5 minutes, %d of 16", cold, one, many)
		if many > 3*one {
			t.Errorf("cold start %v: 16 processes sent %d requests, want about twice the %d of one process", cold, many, one)
		}
		if after != 1 {
			t.Errorf("cold start %v: got %d requests after the outage, want 1", cold, after)
		}
	}
}

// G12: an API that rejects every token costs a fleet no more renewals than one
// process, and the others are served meanwhile.
func TestG12RenewalsOfAFleet(t *testing.T) {
	renewals := func(t *testing.T, processes int) (n int) {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			f.life = time.Hour
			f.login(t)
			base := roundTrip(func(req *http.Request) (*http.Response, error) {
				if req.URL.Host == "wrong.test" {
					return answer(req, http.StatusUnauthorized, ""), nil
				}
				return answer(req, http.StatusOK, ""), nil
			})
			get := func(c *bearer.Cache, host string) {
				client := &http.Client{Transport: &bearer.Transport{Source: c, Base: base}}
				resp, err := client.Get("https://" + host + "/")
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
				if host == "right.test" && resp.StatusCode != http.StatusOK {
					t.Errorf("the other API: got %s", resp.Status)
				}
			}
			caches := make([]*bearer.Cache, processes)
			for i := range caches {
				caches[i] = f.join(string(rune('A' + i)))
			}
			began := time.Now()
			for time.Since(began) < 5*time.Minute {
				for _, c := range caches {
					get(c, "wrong.test")
					get(c, "right.test")
				}
				time.Sleep(500 * time.Millisecond)
			}
			n, _ = f.requests()
		})
		return n
	}
	one := renewals(t, 1)
	if many := renewals(t, 8); many > one+8 {
		t.Errorf("8 processes renewed %d times, want about the %d of one process", many, one)
	} else {
		t.Logf("%d renewals of one process in 5 minutes, %d of 8", one, many)
	}
}

// G20: a process that finds the lock taken waits for the other's token or the
// lock, whichever comes first: here the other one has stored the token and was
// suspended before it unlocked.
func TestG20TokenComesBeforeTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.lease = time.Minute
		f.login(t)
		time.Sleep(10 * time.Second)
		a := f.member("A")
		a.at = func(step string) {
			if step == "before unlock" {
				a.suspend(30 * time.Second)
			}
		}
		go func() { _, _ = a.cache.Token(t.Context()) }()
		time.Sleep(100 * time.Millisecond)
		began := time.Now()
		got, err := f.join("B").Token(t.Context())
		if err != nil || got.AccessToken != "a1" || time.Since(began) > 2*time.Second {
			t.Errorf("got %v and %v after %v, want a1 within two seconds", got, err, time.Since(began))
		}
		time.Sleep(time.Minute)
	})
}

// G20, G22: while the Store is cut off, a rotating refresh token is not risked:
// the valid token is served to its end, and then the error says why. Client
// credentials are asked for by each process alone.
func TestG22StoreIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.login(t)
		c := f.join("A")
		if _, err := c.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(8 * time.Second)
		f.set(func() { f.cut = true })
		for range 19 {
			if _, err := c.Token(t.Context()); err != nil {
				t.Errorf("while the token is valid: got %v, want it", err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Second)
		if _, err := c.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "the Store is out of order") {
			t.Errorf("got %v, want an error that says why", err)
		}
		if n, _ := f.requests(); n != 0 {
			t.Errorf("got %d token requests without the lock, want none", n)
		}
		f.set(func() { f.cut = false })
		time.Sleep(time.Minute)
		if _, err := c.Token(t.Context()); err != nil {
			t.Errorf("afterwards: got %v, want a token", err)
		}
	})
}

// G22: a process that was suspended with the answer, until the new access token
// had expired, stores what it has, since the refresh token is good, and asks for
// another one at once.
func TestG22AnswerThatCameTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.login(t)
		a := f.member("A")
		stopped := 0
		a.at = func(step string) {
			if step == "after send" {
				if stopped++; stopped == 1 {
					a.suspend(20 * time.Second)
				}
			}
		}
		time.Sleep(10 * time.Second)
		got, err := a.cache.Token(t.Context())
		if err != nil || got.AccessToken != "a2" {
			t.Errorf("got %v and %v, want a2", got, err)
		}
		if n, revoked := f.requests(); n != 2 || revoked {
			t.Errorf("got %d requests, revoked %v, want 2", n, revoked)
		}
	})
}

// A server whose tokens have always expired when they arrive, since the clocks
// differ, is asked twice, not without end, and no refresh token is lost.
func TestG22TokensThatHaveAlwaysExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.login(t)
		f.life = -time.Minute
		c := f.join("A")
		time.Sleep(10 * time.Second)
		_, err := c.Token(t.Context())
		if err == nil || !strings.Contains(err.Error(), "compare the clocks") {
			t.Errorf("got %v, want an error that says why", err)
		}
		if n, revoked := f.requests(); n != 2 || revoked {
			t.Errorf("got %d requests, revoked %v, want 2", n, revoked)
		}
		f.life = time.Minute
		time.Sleep(time.Minute)
		if _, err := c.Token(t.Context()); err != nil {
			t.Errorf("when the clocks agree: got %v, want a token", err)
		}
	})
}

// G22: a refresh that leaves the refresh token alone while the access token is
// valid, and ends after that has expired, goes on for those who wait.
func TestG22TokenExpiresMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.life = 10 * time.Second
		f.login(t)
		a, b := f.member("A"), f.member("B")
		a.at = func(step string) {
			if step == "before send" {
				a.kill() // the server never gets it
			}
		}
		_, _ = b.cache.Token(t.Context())
		_, _ = renew(t, a)
		b.at = func(step string) {
			if step == "before unlock" && time.Now().Before(time.Date(2000, 1, 1, 0, 0, 10, 0, time.UTC)) {
				time.Sleep(5 * time.Second)
			}
		}
		time.Sleep(7 * time.Second)
		_, _ = b.cache.Token(t.Context()) // begins the refresh in the background
		time.Sleep(4 * time.Second)
		if _, err := b.cache.Token(t.Context()); err != nil {
			t.Errorf("got %v, want a new token", err)
		}
	})
}

// G22: a caller that comes while the refresh of another process is made up for,
// and the access token has expired meanwhile, waits for it.
func TestG22CallersWaitForWhatIsMadeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.grace, f.declared = 30*time.Second, 30*time.Second
		f.login(t)
		a, b := f.member("A"), f.member("B")
		a.at = func(step string) {
			if step == "after send" {
				a.kill()
			}
		}
		_, _ = b.cache.Token(t.Context())
		_, _ = renew(t, a)
		b.at = func(step string) {
			if step == "before send" {
				time.Sleep(5 * time.Second)
			}
		}
		time.Sleep(6 * time.Second)
		_, _ = b.cache.Token(t.Context()) // begins the refresh, in the window
		time.Sleep(3 * time.Second)
		if _, err := b.cache.Token(t.Context()); err != nil {
			t.Errorf("got %v, want the token that is under way", err)
		}
	})
}

// G20: a process that starts while the Store is cut off says so: no one is sent to log
// in because a server is down.
func TestG22LoginMayBeInTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.login(t)
		f.cut = true
		c := f.join("A")
		_, err := c.Token(t.Context())
		if err == nil || errors.Is(err, bearer.ErrLoginRequired) || !strings.Contains(err.Error(), "the Store is out of order") {
			t.Errorf("got %v, want an error of the Store", err)
		}
		if te, ok := errors.AsType[*bearer.TokenError](err); !ok || te.RetryAfter > 2*time.Second || !te.Temporary() {
			t.Errorf("got %#v, want one that is worth another attempt soon", err)
		}
		time.Sleep(time.Minute)
		f.set(func() { f.cut = false })
		time.Sleep(2 * time.Second)
		if _, err := c.Token(t.Context()); err != nil {
			t.Errorf("when the Store is back: got %v, want the token", err)
		}
	})
}

// A Store that is configured wrong is an error of the first Token, also for
// client credentials, not one that only a log shows.
func TestStoreThatIsAMistake(t *testing.T) {
	c := &bearer.Cache{Source: new(mint), Store: misconfigured{}, Key: "k"}
	if _, err := c.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "Store.Client is nil") {
		t.Errorf("got %v, want what is wrong with the Store", err)
	}
}

// misconfigured is a Store as those in stores/ are without a field.
type misconfigured struct{}

var errMisconfigured = mistake.New("teststore: Store.Client is nil: set it")

func (misconfigured) Get(context.Context, string) ([]byte, error) { return nil, errMisconfigured }
func (misconfigured) Put(context.Context, string, []byte) error   { return errMisconfigured }
func (misconfigured) Delete(context.Context, string) error        { return errMisconfigured }
func (misconfigured) Lock(context.Context, string) (func() error, error) {
	return nil, errMisconfigured
}

// A token that expires while its caller is suspended is not handed out, and not
// an error either.
func TestTokenThatExpiresOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &mint{lifetime: time.Millisecond}
		c := &bearer.Cache{Source: bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) {
			tok, err := source.Token(ctx)
			if source.calls.Load() > 1 {
				tok.Expiry = tok.Expiry.Add(time.Hour)
			}
			return tok, err
		}), Store: &slowStore{}, Key: "k"}
		if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "token-2" {
			t.Errorf("got %v and %v, want token-2", got, err)
		}
	})
}

// slowStore takes 10 ms to store.
type slowStore struct{ bearer.MemoryStore }

func (s *slowStore) Swap(ctx context.Context, key string, old, new []byte) error {
	time.Sleep(10 * time.Millisecond)
	return s.MemoryStore.Swap(ctx, key, old, new)
}

// G20: while the Store is cut off, each process asks for client credentials
// alone, and not all in the instant in which the token that they share expires.
func TestG20ClientCredentialsWithoutTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		var mu sync.Mutex // guards at
		at := make(map[time.Time]bool)
		var caches []*bearer.Cache
		for i := range 8 {
			m := f.member(string(rune('A' + i)))
			m.cache.Source = bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
				mu.Lock()
				defer mu.Unlock()
				at[time.Now()] = true
				return token("token", time.Hour), nil
			})
			if _, err := m.cache.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			caches = append(caches, m.cache)
		}
		if len(at) != 1 {
			t.Fatalf("got %d requests with the Store, want 1", len(at))
		}
		f.set(func() { f.cut = true })
		clear(at)
		time.Sleep(time.Hour)
		var wg sync.WaitGroup
		for _, c := range caches {
			wg.Go(func() {
				if _, err := c.Token(t.Context()); err != nil {
					t.Errorf("got %v, want a token", err)
				}
			})
		}
		wg.Wait()
		if len(at) != 8 {
			t.Errorf("the processes asked at %d different times, want 8", len(at))
		}
	})
}

// G20: an outage that other processes told of long ago is over: a short one has
// callers wait, not fail.
func TestG20OldReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.life, f.rotates = time.Minute, false
		f.login(t)
		a, b := f.join("A"), f.join("B")
		_, _ = b.Token(t.Context())
		time.Sleep(time.Minute)
		f.set(func() { f.down = true })
		for range 20 { // seconds of an outage
			_, _ = a.Token(t.Context())
			_, _ = b.Token(t.Context())
			time.Sleep(time.Second)
		}
		time.Sleep(time.Hour)
		go func() {
			time.Sleep(2 * time.Second)
			f.set(func() { f.down = false })
		}()
		if _, err := b.Token(t.Context()); err != nil {
			t.Errorf("an hour later, in an outage of 2 s: got %v, want a token", err)
		}
	})
}

// G20: an idle fleet leaves the Store alone.
func TestG20IdleFleetIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.life = 10 * time.Hour
		f.login(t)
		c := f.join("A")
		_, _ = c.Token(t.Context())
		f.steps()
		for range 1000 {
			_, _ = c.Token(t.Context())
			time.Sleep(time.Second)
		}
		if steps := f.steps(); len(steps) > 0 {
			t.Errorf("got %v, want nothing", steps)
		}
	})
}
