package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/sync/semaphore"

	"example.com/bearer"
)

// inStore returns what s holds under "k", or "".
func inStore(t *testing.T, s bearer.Store) string {
	t.Helper()
	data, err := s.Get(t.Context(), "k")
	if err != nil && !errors.Is(err, bearer.ErrNotFound) {
		t.Fatal(err)
	}
	return string(data)
}

// G23: Delete forgets the credential here and in the Store; a user has to log
// in again, and client credentials are obtained again.
func TestDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, store := range []bearer.Store{nil, new(bearer.MemoryStore), notLocker{new(bearer.MemoryStore)}} {
			r := &rotor{lifetime: time.Hour}
			user := &bearer.Cache{Source: r, Store: store, Key: "k"}
			if err := user.Set(t.Context(), r.login()); err != nil {
				t.Fatal(err)
			}
			if err := user.Delete(t.Context()); err != nil {
				t.Errorf("got %v, want nil", err)
			}
			if store != nil && inStore(t, store) != "" {
				t.Error("the Store still holds the credential")
			}
			if got, err := user.Token(t.Context()); err == nil {
				t.Errorf("after Delete: got %q, want an error", got.AccessToken)
			}
			if n, _ := r.calls(); n != 0 {
				t.Errorf("after Delete: got %d refreshes, want none", n)
			}
			if s := user.Status(); s.Valid || !s.Expiry.IsZero() || s.Unsaved {
				t.Errorf("after Delete: got status %+v, want no token", s)
			}
			if err := user.Set(t.Context(), r.login()); err != nil {
				t.Fatal(err)
			}
			if got := mustToken(t, user); got.AccessToken != "access-0" {
				t.Errorf("after a login: got %q, want its token", got.AccessToken)
			}
			if err := user.Delete(t.Context()); err != nil {
				t.Fatal(err)
			}

			client := &bearer.Cache{Source: &mint{lifetime: time.Hour}, Store: store, Key: "k"}
			mustToken(t, client)
			if err := client.Delete(t.Context()); err != nil {
				t.Errorf("got %v, want nil", err)
			}
			if got := mustToken(t, client); got.AccessToken != "token-2" {
				t.Errorf("client credentials: got %q, want a new token", got.AccessToken)
			}
			if store != nil {
				_ = client.Delete(t.Context())
			}
		}
	})
}

// G23: no refresh that was under way brings the credential back, with or
// without callers that wait for it. Those that wait get an error.
func TestDeleteDuringARefresh(t *testing.T) {
	for _, shared := range []bool{true, false} {
		for _, waiting := range []bool{true, false} {
			for _, refreshes := range []bool{true, false} {
				name := fmt.Sprintf("shared %v, waiting %v, refresh token %v", shared, waiting, refreshes)
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						var store bearer.Store = new(bearer.MemoryStore)
						if !shared {
							store = notLocker{store}
						}
						a := askedBy(func(n int, refresh string) (*bearer.Token, error) {
							if refresh == "" && refreshes {
								return nil, refused(0, "login_required")
							}
							time.Sleep(2 * time.Second)
							return userToken(fmt.Sprint("new-", n), refresh, time.Hour), nil
						})
						c := &bearer.Cache{Source: a, Store: store, Key: "k"}
						refresh := ""
						if refreshes {
							refresh = "r"
						}
						if err := c.Set(t.Context(), userToken("old", refresh, 3*time.Minute)); err != nil {
							t.Fatal(err)
						}
						time.Sleep(3*time.Minute - time.Second)
						if waiting {
							time.Sleep(time.Second)
						}
						var wg sync.WaitGroup
						var err error
						wg.Go(func() { _, err = c.Token(t.Context()) })
						time.Sleep(time.Second)
						if err := c.Delete(t.Context()); err != nil {
							t.Errorf("Delete: got %v, want nil", err)
						}
						wg.Wait()
						time.Sleep(time.Minute)
						synctest.Wait()

						if (err != nil) != waiting {
							t.Errorf("the caller: got %v", err)
						}
						if in := inStore(t, store); in != "" {
							t.Errorf("got %q in the Store, want nothing", in)
						}
						if c.Status().Valid {
							t.Error("got a valid token, want none")
						}
						if n := a.calls(); n != 1 {
							t.Errorf("got %d requests, want 1", n)
						}
					})
				})
			}
		}
	}
}

// A caller that comes after Delete, while an older refresh is still under way,
// is served as if there had been none.
func TestTokenAfterDeleteDuringARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &bearer.Cache{Source: &mint{lifetime: time.Hour, takes: 2 * time.Second}}
		var wg sync.WaitGroup
		wg.Go(func() {
			if got, err := c.Token(t.Context()); err == nil {
				t.Errorf("the caller before Delete: got %q, want an error", got.AccessToken)
			}
		})
		time.Sleep(time.Second)
		if err := c.Delete(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, get := range []func() (*bearer.Token, error){
			func() (*bearer.Token, error) { return c.Token(t.Context()) },
			func() (*bearer.Token, error) { return c.Renew(t.Context(), nil) },
			func() (*bearer.Token, error) { return c.Renew(t.Context(), &bearer.Token{AccessToken: "older"}) },
		} {
			wg.Go(func() {
				if got, err := get(); err != nil || got.AccessToken != "token-2" {
					t.Errorf("a caller after Delete: got %v, want token-2", err)
				}
			})
		}
		wg.Wait()
	})
}

// G23: a refresh that waits when Delete is called, for the Store's lock or for
// its turn, does not bring the record back.
func TestDeleteWhileARefreshWaits(t *testing.T) {
	for _, waits := range []string{"lock", "slot"} {
		synctest.Test(t, func(t *testing.T) {
			store, limit := new(bearer.MemoryStore), semaphore.NewWeighted(1)
			asked := 0
			c := &bearer.Cache{Store: store, Key: "k", Limit: limit, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
				asked++
				return token("new", time.Hour), nil
			})}
			if err := c.Set(t.Context(), token("old", time.Minute)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute) // expired
			release := func() { limit.Release(1) }
			if waits == "slot" {
				_ = limit.Acquire(t.Context(), 1)
			} else {
				unlock, err := store.Lock(t.Context(), "k")
				if err != nil {
					t.Fatal(err)
				}
				release = func() { _ = unlock() }
			}
			var done sync.WaitGroup
			done.Go(func() {
				if got, err := c.Token(t.Context()); err == nil {
					t.Errorf("%s: got %q, want an error", waits, got.AccessToken)
				}
			})
			synctest.Wait()
			done.Go(func() {
				if err := c.Delete(t.Context()); err != nil {
					t.Errorf("%s: Delete: %v", waits, err)
				}
			})
			synctest.Wait()
			release()
			done.Wait()
			synctest.Wait()
			if got := inStore(t, store); got != "" || asked != 0 {
				t.Errorf("%s: the Store holds %q after %d token requests, want nothing and none", waits, got, asked)
			}
			if got := mustToken(t, c); got.AccessToken != "new" {
				t.Errorf("%s: afterwards: got %q, want a new token", waits, got.AccessToken)
			}
		})
	}
}

// G23: nor does a renewal in the background that was only about to begin.
func TestDeleteBeforeABackgroundRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(bearer.MemoryStore)
		m := &mint{lifetime: time.Hour}
		c := &bearer.Cache{Source: m, Store: s, Key: "k"}
		mustToken(t, c)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = c.Renew(ctx, nil) }()
		synctest.Wait() // the renewal is in its jitter
		cancel()        // nothing waits for it any more
		if err := c.Delete(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if n := m.calls.Load(); n != 1 || inStore(t, s) != "" || c.Status().Valid {
			t.Errorf("got %d calls and %q in the Store, want 1 and nothing", n, inStore(t, s))
		}
	})
}

// G23: a Store that fails is named, and Delete can be called again. What is
// forgotten here stays so.
func TestDeleteWithABrokenStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(failingLocker)
		c := &bearer.Cache{Store: s, Key: "k"}
		if err := c.Set(t.Context(), userToken("a", "r", time.Hour)); err != nil {
			t.Fatal(err)
		}
		s.lock.Store(true)
		const want = "bearer: Cache.Delete: the Store may still hold the token, call Delete again: the disk is full"
		if err := c.Delete(t.Context()); err == nil || err.Error() != want || !errors.Is(err, errDisk) {
			t.Errorf("got %v, want %s", err, want)
		}
		s.lock.Store(false)
		for range 10 {
			if got, err := c.Token(t.Context()); err == nil {
				t.Fatalf("got %q, want no token: it was deleted here", got.AccessToken)
			}
			time.Sleep(10 * time.Second)
		}
		if err := c.Delete(t.Context()); err != nil || inStore(t, s) != "" {
			t.Errorf("again: got %v, want nil and an empty Store", err)
		}
	})
}

// G23: a hanging Delete honours its context, and a Set after it is not undone.
func TestHangingDelete(t *testing.T) {
	for _, shared := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := new(slow)
			c := &bearer.Cache{Store: s, Key: "k"}
			if !shared {
				c.Store = notLocker{s}
			}
			if err := c.Set(t.Context(), token("a", time.Hour)); err != nil {
				t.Fatal(err)
			}
			hangs := make(chan struct{})
			s.hang(hangs)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			if err := c.Delete(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
				t.Errorf("got %v after %v, want the context's error after 1s", err, time.Since(start))
			}
			ctx, cancel = context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := c.Set(ctx, token("b", time.Hour)); err == nil {
				t.Error("Set: got nil, want an error: the Store is still busy")
			}
			s.hang(nil)
			close(hangs)
			tokenFor(t, c, time.Minute, time.Second)
			synctest.Wait()
			if in := stored(t, s); in == nil || in.AccessToken != "b" {
				t.Error("the later login is not in the Store")
			}
		})
	}
}

// G23: an unsaved token is deleted too, and not saved later.
func TestDeleteOfAnUnsavedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(failing)
		s.put.Store(true)
		c := &bearer.Cache{Store: s, Key: "k"}
		_ = c.Set(t.Context(), userToken("a", "r", time.Hour))
		s.put.Store(false)
		if err := c.Delete(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 60 {
			_, _ = c.Token(t.Context())
			time.Sleep(time.Second)
		}
		if err := c.Flush(t.Context()); err != nil || inStore(t, s) != "" {
			t.Errorf("Flush: got %v and %q in the Store, want nil and nothing", err, inStore(t, s))
		}
	})
}

// G23: what another process deleted (it was there, and is gone): the access
// token is served to its end, and the refresh token is neither used nor saved.
func TestDeletedByAnotherProcess(t *testing.T) {
	for _, shared := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var store bearer.Store = new(bearer.MemoryStore)
			if !shared {
				store = notLocker{store}
			}
			r := &rotor{lifetime: time.Hour}
			c := &bearer.Cache{Source: r, Store: store, Key: "k"}
			if err := c.Set(t.Context(), r.login()); err != nil {
				t.Fatal(err)
			}
			if err := store.Delete(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
			tokenFor(t, c, time.Hour-time.Second, time.Second)
			time.Sleep(time.Second)
			if _, err := c.Token(t.Context()); err == nil {
				t.Error("at its expiry: got a token, want an error")
			}
			if n, _ := r.calls(); n != 0 || inStore(t, store) != "" {
				t.Errorf("got %d refreshes and %q in the Store, want none and nothing", n, inStore(t, store))
			}
			// A login in another process is found.
			if err := (&bearer.Cache{Store: store, Key: "k"}).Set(t.Context(), r.login()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			mustToken(t, c)
		})
	}
}

// G23: also when it is deleted while the refresh is under way, without a lock.
func TestDeletedByAnotherProcessDuringARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := notLocker{new(bearer.MemoryStore)}
		r := &rotor{lifetime: time.Hour, takes: 2 * time.Second}
		c := &bearer.Cache{Source: r, Store: s, Key: "k"}
		if err := c.Set(t.Context(), r.login()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		time.AfterFunc(time.Second, func() { _ = s.Delete(context.Background(), "k") })
		if got, err := c.Token(t.Context()); err == nil {
			t.Errorf("got %q, want an error: it was deleted", got.AccessToken)
		}
		if inStore(t, s) != "" {
			t.Error("the credential is in the Store again")
		}
	})
}

// G23: a login that is only a refresh token, and was deleted by another process,
// leads to a new login, and not to Delete's error.
func TestDeletedByAnotherProcessBeforeItsFirstUse(t *testing.T) {
	store := new(bearer.MemoryStore)
	c := &bearer.Cache{Source: &rotor{lifetime: time.Hour}, Store: store, Key: "k"}
	if err := c.Set(t.Context(), &bearer.Token{RefreshToken: "r"}); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "login_required") {
		t.Errorf("got %v, want the Source's answer that a login is required", err)
	}
}

// G23: client credentials that were deleted are fetched anew, and saved.
func TestDeletedClientCredentialsAreFetchedAnew(t *testing.T) {
	for _, during := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := notLocker{new(bearer.MemoryStore)}
			m := &mint{lifetime: time.Hour, takes: 2 * time.Second}
			c := &bearer.Cache{Source: m, Store: s, Key: "k"}
			mustToken(t, c)
			if !during {
				_ = s.Delete(t.Context(), "k")
			}
			tokenFor(t, c, 50*time.Minute, time.Minute)
			time.Sleep(10 * time.Minute)
			if during {
				time.AfterFunc(time.Second, func() { _ = s.Delete(context.Background(), "k") })
			}
			if got := mustToken(t, c); got.AccessToken != "token-2" || m.calls.Load() != 2 {
				t.Errorf("got %q after %d calls, want token-2 after 2", got.AccessToken, m.calls.Load())
			}
			if in := stored(t, s); in == nil || in.AccessToken != "token-2" {
				t.Error("the new token is not in the Store")
			}
		})
	}
}

// bound is a Source that tells whose tokens it obtains.
type bound struct {
	*asked
	tokenURL, clientID string
}

func (b *bound) Credential() (tokenURL, clientID string) { return b.tokenURL, b.clientID }

// G23: a record is bound to the token endpoint and the client_id that it came
// from: another server or client under the same key never gets it, neither its
// access token nor its refresh token, and the hook names both.
func TestRecordIsBoundToItsCredential(t *testing.T) {
	const server = "https://auth.test/token"
	endpoint := &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
		resp := answer(req, http.StatusOK, `{"access_token":"new","token_type":"Bearer","expires_in":3600}`)
		resp.Header.Set("Content-Type", "application/json")
		return resp, nil
	})}
	synctest.Test(t, func(t *testing.T) {
		ctx := context.WithValue(t.Context(), oauth2.HTTPClient, endpoint)
		fresh := func(int, string) (*bearer.Token, error) { return token("new", time.Hour), nil }
		for _, row := range []struct {
			name   string
			source bearer.Source
			gets   bool
		}{
			{"the same", &bound{askedBy(fresh), server, "mine"}, true},
			{"another server", &bound{askedBy(fresh), "https://other.test/token", "mine"}, false},
			{"another client", &bound{askedBy(fresh), server, "other"}, false},
			{"x/oauth2, the same", &clientcredentials.Config{TokenURL: server, ClientID: "mine"}, true},
			{"x/oauth2, another server", &clientcredentials.Config{TokenURL: "https://other.test/token", ClientID: "mine"}, false},
			{"x/oauth2, another client", &clientcredentials.Config{TokenURL: server, ClientID: "other"}, false},
			{"a Source that does not tell", askedBy(fresh), true},
		} {
			s := notLocker{new(bearer.MemoryStore)}
			if err := (&bearer.Cache{Source: &bound{askedBy(fresh), server, "mine"}, Store: s, Key: "k"}).Set(ctx, userToken("stored", "r", time.Hour)); err != nil {
				t.Fatal(err)
			}
			told := make(chan string, 10)
			c := &bearer.Cache{Source: row.source, Store: s, Key: "k", Hooks: &bearer.Hooks{
				StoreFailed: func(_ context.Context, e bearer.Event) { told <- e.Op + ": " + e.Err.Error() },
			}}
			got, err := c.Token(ctx)
			if err != nil || (got.AccessToken == "stored") != row.gets {
				t.Errorf("%s: got %v and %v, want the stored token: %v", row.name, got.AccessToken, err, row.gets)
			}
			if a, ok := row.source.(*bound); ok && strings.Join(a.sent, "") != "" {
				t.Errorf("%s: the refresh token %q was sent", row.name, a.sent)
			}
			synctest.Wait()
			if row.gets {
				continue
			}
			mine := &bearer.Cache{Source: &bound{askedBy(fresh), server, "mine"}, Store: s, Key: "k"}
			if got := mustToken(t, mine); got.AccessToken != "stored" {
				t.Errorf("%s: its owner got %q afterwards, want the stored token", row.name, got.AccessToken)
			}
			if what := <-told; !strings.Contains(what, `get: the token stored under Cache.Key is of client "mine" at "`+server+`"`) {
				t.Errorf("%s: the hook got %q, want whose token it is", row.name, what)
			}
		}
	})
}

// G20, G23: where processes share the Store, a refresh token that belongs to
// another client fails the refresh, and its owner keeps it.
func TestForeignRecordInASharedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(bearer.MemoryStore)
		source := func(client string) *bound {
			return &bound{askedBy(func(int, string) (*bearer.Token, error) { return nil, refused(0, "login_required") }), "https://auth.test/token", client}
		}
		mine := &bearer.Cache{Source: source("mine"), Store: s, Key: "k"}
		if err := mine.Set(t.Context(), userToken("stored", "r", time.Hour)); err != nil {
			t.Fatal(err)
		}
		other := source("other")
		_, err := (&bearer.Cache{Source: other, Store: s, Key: "k"}).Token(t.Context())
		const want = `is of client "mine" at "https://auth.test/token": use a different Key for each client and server, or delete it`
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if strings.Join(other.sent, "") != "" {
			t.Errorf("got the refresh tokens %q sent by another client, want none", other.sent)
		}
		if got := mustToken(t, mine); got.AccessToken != "stored" {
			t.Errorf("its owner got %q, want the stored token", got.AccessToken)
		}
	})
}
