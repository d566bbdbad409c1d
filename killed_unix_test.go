//go:build unix

package bearer_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
)

var kills = flag.Int("kills", 1, "how often TestG22KilledForReal kills a process at each step")

// victim is the environment of a process that kills itself: the folder, the
// server, its reuse grace, and the step.
const victim = "BEARER_TEST_VICTIM"

// G22: as TestG22Killed, with processes, a DirStore and kill -9. To kill 100
// times at each step: go test -run KilledForReal -kills 100 .
func TestG22KilledForReal(t *testing.T) {
	if args := os.Getenv(victim); args != "" {
		fmt.Println("outcome:", dieAt(strings.Split(args, "\n")))
		return
	}
	t.Parallel()
	steps := 0
	for _, grace := range []time.Duration{0, time.Minute} {
		for step := 0; ; step++ {
			survived := false
			for range *kills {
				survived = killedAt(t, grace, step)
				if t.Failed() {
					t.Fatalf("grace %v, step %d", grace, step)
				}
			}
			if survived { // the refresh has fewer steps
				steps = step
				break
			}
		}
	}
	if steps < 14 {
		t.Errorf("got %d steps of a refresh, want more", steps)
	}
	t.Logf("killed %d times at each of %d steps, with a grace and without", *kills, steps)
}

// killedAt has a process die at a step of a refresh, and looks what became of
// the login. It reports whether the process had no such step.
func killedAt(t *testing.T, grace time.Duration, step int) (survived bool) {
	server := bearertest.Start(t, bearertest.Config{
		Clients:    []bearertest.Client{{ID: "client", Secret: "secret"}},
		ReuseGrace: grace, TokenLifetime: time.Hour,
	})
	defer server.Close()
	access, refresh := server.Issue("client", "")
	store := bearer.DirStore(t.TempDir())
	login := &bearer.Token{AccessToken: access, RefreshToken: refresh, Expiry: time.Now().Add(time.Hour)}
	if err := (&bearer.Cache{Store: store, Key: "k", Source: sourceAt(server.URL, grace)}).Set(t.Context(), login); err != nil {
		t.Fatal(err)
	}

	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestG22KilledForReal$")
	cmd.Env = append(os.Environ(), victim+"="+strings.Join([]string{string(store), server.URL, grace.String(), strconv.Itoa(step)}, "\n"))
	out, err := cmd.Output()
	if err == nil {
		if !strings.Contains(string(out), "outcome: <nil>") {
			t.Errorf("a process that was not killed: %s", out)
		}
		return true
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || !exit.Sys().(syscall.WaitStatus).Signaled() {
		t.Fatalf("got %v, want a process that was killed: %s", err, out)
	}

	processed := server.Counts().Grants["refresh_token"].Issued > 0
	data, err := store.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	saved := !strings.Contains(string(data), `"`+refresh+`"`)
	next := &bearer.Cache{Store: store, Key: "k", Source: sourceAt(server.URL, grace)}
	if _, err := next.Token(t.Context()); err != nil {
		t.Errorf("the next process: got %v, want the token, which is valid", err)
	}
	next.Invalidate(login)
	_, err = next.Token(t.Context())
	switch survives := !processed || saved || grace > 0; {
	case survives && err != nil:
		t.Errorf("server has processed %v, saved %v: got %v, want that the login survives", processed, saved, err)
	case !survives && !errors.Is(err, bearer.ErrLoginRequired):
		t.Errorf("got %v, want ErrLoginRequired", err)
	case survives && server.Counts().ReuseDetected > 0:
		t.Error("the server has seen a refresh token twice")
	}
	return false
}

func sourceAt(url string, grace time.Duration) bearer.Source {
	return grant.AuthorizationCode{
		Server:   grant.Server{TokenURL: url + string(bearertest.TokenEndpoint), ReuseGrace: grace},
		ClientID: "client", Auth: grant.Basic{ID: "client", Secret: "secret"},
	}
}

// dieAt renews the token in the folder, and kills its process at a step.
func dieAt(args []string) error {
	grace, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	step, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	d := &deadly{DirStore: bearer.DirStore(args[0])}
	d.left.Store(1 << 30)
	d.Refresher = sourceAt(args[1], grace).(bearer.Refresher)
	c := &bearer.Cache{Store: d, Key: "k", Source: d}
	if _, err := c.Token(context.Background()); err != nil {
		return err
	}
	d.left.Store(int64(step))
	_, err = c.Renew(context.Background(), nil)
	return err
}

// deadly is a Store and a Source that kill the process at a step: before or
// after what they do.
type deadly struct {
	bearer.DirStore
	bearer.Refresher
	left atomic.Int64
}

func (d *deadly) step() {
	if d.left.Add(-1) < 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until the signal arrives
	}
}

func (d *deadly) Token(context.Context) (*bearer.Token, error) { return nil, bearer.ErrLoginRequired }

func (d *deadly) Refresh(ctx context.Context, prev *bearer.Token) (*bearer.Token, error) {
	d.step()
	defer d.step()
	return d.Refresher.Refresh(ctx, prev)
}

func (d *deadly) Get(ctx context.Context, key string) ([]byte, error) {
	d.step()
	defer d.step()
	return d.DirStore.Get(ctx, key)
}

func (d *deadly) Swap(ctx context.Context, key string, old, new []byte) error {
	d.step()
	defer d.step()
	return d.DirStore.Swap(ctx, key, old, new)
}

func (d *deadly) Lock(ctx context.Context, key string) (func() error, error) {
	d.step()
	defer d.step()
	unlock, err := d.DirStore.Lock(ctx, key)
	if err != nil {
		return nil, err
	}
	return func() error {
		d.step()
		defer d.step()
		return unlock()
	}, nil
}
