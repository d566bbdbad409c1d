//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"example.com/bearer/bearertest"
)

// sizeVariable is how many requests TestBatchSurvivesKills sends; the number that
// the memory is promised for takes a minute.
const sizeVariable = "BEARER_TEST_BATCH"

// A batch that is killed three times with -9 and resumed has one result of each
// line, and sends only what was in flight twice.
func TestBatchSurvivesKills(t *testing.T) {
	size, err := strconv.Atoi(os.Getenv(sizeVariable))
	if err != nil {
		size = 2000
	}
	const inFlight = 16
	answer := bytes.Repeat([]byte("x"), 1024)
	var mu sync.Mutex // guards seen
	seen := make([]uint8, size+1)
	var served atomic.Int64
	var killAt atomic.Int64
	reached := make(chan struct{}, 3)
	a := newAPI(t, bearertest.Config{}, func(rw http.ResponseWriter, r *http.Request) {
		line, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/v1/item/"))
		mu.Lock()
		seen[line]++
		mu.Unlock()
		if served.Add(1) == killAt.Load() {
			reached <- struct{}{}
		}
		rw.Header().Set("Content-Type", "text/plain")
		rw.Write(answer)
	})
	list := writeList(t, size)
	out := filepath.Join(t.TempDir(), "out")
	args := []string{"batch", "app", list, "-o", out, "--resume", "--concurrency", fmt.Sprint(inFlight)}
	for kill := range 3 {
		killAt.Store(served.Load() + int64(size/4) + int64(kill))
		cmd := program(t, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-reached
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatalf("run %d ended before it was killed", kill)
		}
	}
	killAt.Store(-1)
	// A tear in the middle of a line, if none of the kills has made one.
	f, err := os.OpenFile(out, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, `{"line":1,"hash":"0`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	var errs bytes.Buffer
	cmd := program(t, args...)
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("the last run: %v: %s", err, errs.String())
	}

	got := readResults(t, out)
	for line := int64(1); line <= int64(size); line++ {
		if r := got[line]; r.Status != http.StatusOK || len(r.Body) != len(answer)+2 {
			t.Fatalf("line %d: got %+v, want its result", line, r)
		}
	}
	twice := 0
	for _, n := range seen[1:] {
		twice += int(n) - 1
	}
	if len(got) != size || twice > 3*inFlight {
		t.Errorf("got %d results, and %d requests more than that; want %d and at most %d", len(got), twice, size, 3*inFlight)
	}
	if tokens := a.Counts().TokenRequests(); tokens != 1 {
		t.Errorf("got %d token requests, want one for all runs", tokens)
	}
	t.Logf("%d requests: %d sent twice; %s", size, twice, errs.String())
}

// Ctrl-C: status 130, and the results so far are whole.
func TestCtrlCDuringABatch(t *testing.T) {
	started := make(chan *os.Process, 1)
	var served atomic.Int64
	newAPI(t, bearertest.Config{}, func(rw http.ResponseWriter, r *http.Request) {
		if served.Add(1) == 100 {
			if err := (<-started).Signal(os.Interrupt); err != nil {
				t.Errorf("interrupting: %v", err)
			}
		}
	})
	out := filepath.Join(t.TempDir(), "out")
	list := writeList(t, 100_000)
	cmd := program(t, "batch", "app", list, "-o", out)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	started <- cmd.Process
	_ = cmd.Wait() // checked by its status
	if status := cmd.ProcessState.ExitCode(); status != exitInterrupted || !strings.Contains(errs.String(), "succeeded") {
		t.Errorf("got status %d and %q, want %d and a summary", status, errs.String(), exitInterrupted)
	}
	if got := int64(len(readResults(t, out))); got < 100-8 || got > served.Load() {
		t.Errorf("got %d results of %d requests, want those that ended", got, served.Load())
	}
}

// The command has the token and no secret of ours; its exit status and its death
// by a signal are exec's.
func TestExec(t *testing.T) {
	a := newAPI(t, bearertest.Config{}, echo)
	t.Setenv("BEARER_OLD_CLIENT_SECRET", "canary-1")
	t.Setenv("SECRET_BY_ANOTHER_NAME", clientSecret)
	t.Setenv("ORDINARY", "yes")
	outcome := func(args ...string) (status int, stdout, stderr string) {
		cmd := program(t, append([]string{"exec", "app"}, args...)...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run() // checked by its status
		return cmd.ProcessState.ExitCode(), out.String(), errs.String()
	}
	status, env, _ := outcome("--", "sh", "-c", "env; exit 7")
	var token string
	for line := range strings.Lines(env) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), tokenVariable+"="); ok {
			token = value
		}
	}
	if status != 7 || !a.accepted(token) || !strings.Contains(env, "ORDINARY=yes") {
		t.Errorf("got status %d and a token of %d bytes, want 7, a valid token and the rest of the environment", status, len(token))
	}
	for _, canary := range []string{"canary-1", clientSecret} {
		if strings.Contains(env, canary) {
			t.Errorf("the environment has the secret %s", canary)
		}
	}
	if status, out, _ := outcome("--", "printf", "%s %s %s", "-X", "--config", "--"); status != 0 || out != "-X --config --" {
		t.Errorf("flags of the command: got status %d and %q, want them as they are", status, out)
	}
	if status, _, errs := outcome("sh", "-c", "true"); status != exitUsage || !strings.Contains(errs, "put -- before the command") {
		t.Errorf("flags without --: got status %d and %q, want %d and what to do", status, errs, exitUsage)
	}
	if status, _, errs := outcome("--", "no-such-command"); status != exitNotFound || !strings.Contains(errs, "no-such-command") {
		t.Errorf("got status %d and %q, want %d", status, errs, exitNotFound)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := outcome("--", file); status != exitNotExecutable {
		t.Errorf("got status %d and %q, want %d", status, errs, exitNotExecutable)
	}
	if status, _, errs := outcome(); status != exitUsage || !strings.Contains(errs, "a command") {
		t.Errorf("got status %d and %q, want %d", status, errs, exitUsage)
	}
}

// A signal that is sent to exec reaches the command.
func TestExecPassesSignals(t *testing.T) {
	newAPI(t, bearertest.Config{}, echo)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := program(t, "exec", "app", "--", "sh", "-c", `trap 'echo got it; exit 5' TERM; echo ready; while :; do sleep 0.01; done`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	lines := bufio.NewScanner(out)
	last := ""
	for lines.Scan() {
		if last = lines.Text(); last == "ready" {
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // checked by its status
	if status := cmd.ProcessState.ExitCode(); status != 5 || last != "got it" {
		t.Errorf("got status %d and %q, want the command's", status, last)
	}
}
