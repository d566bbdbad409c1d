package main

import (
	"bytes"
	"os"
	osexec "os/exec"
	"sync"
	"testing"

	"example.com/bearer/bearertest"
)

// program returns the command as a process; see TestMain.
func program(t *testing.T, args ...string) *osexec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), "BEARER_TEST_IS_PROGRAM=1")
	return cmd
}

// G20: processes that ask at once make one token request, whether nothing is
// stored yet or a refresh token that can be used once.
func TestManyProcessesShareOneRequest(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	together := func(args ...string) {
		t.Helper()
		var wg sync.WaitGroup
		outs := make([]bytes.Buffer, 4)
		for i := range outs {
			wg.Go(func() {
				cmd := program(t, args...)
				var errs bytes.Buffer
				cmd.Stdout, cmd.Stderr = &outs[i], &errs
				if err := cmd.Run(); err != nil {
					t.Errorf("%q: %v: %s", args, err, errs.String())
				}
			})
		}
		wg.Wait()
		for i := range outs {
			if outs[i].Len() == 0 || outs[i].String() != outs[0].String() {
				t.Errorf("%q: process %d got another token than process 0", args, i)
			}
		}
	}
	together("token", "app", "--token-url", w.Endpoint(bearertest.TokenEndpoint))
	w.wantTokenRequests(1)

	w.loggedIn(append([]string{"acme"}, w.endpoints()...)...)
	w.expire("acme")
	together("token", "acme")
	w.wantTokenRequests(3) // one, one for the code, one for the refresh
	if got := w.Counts().ReuseDetected; got != 0 {
		t.Errorf("a refresh token was used again %d times, want never", got)
	}
}
