package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience limits each command, so that one that waits for ever fails its test
// instead of the whole binary.
const patience = 30 * time.Second

func exec(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	status = run(ctx, args, strings.NewReader(""), &out, &errs)
	return status, out.String(), errs.String()
}

func TestBadCommandLinesGetOneLineAndStatus2(t *testing.T) {
	folder := t.TempDir()
	for _, tt := range []struct {
		args []string
		want string // part of the line
	}{
		{[]string{"demp"}, "did you mean demo?"},
		{[]string{"nonsense"}, `unknown command "nonsense"`},
		{[]string{"--nonsense"}, "--nonsense"},
		{[]string{"version", "1"}, `version takes no arguments, got "1"`},
		{[]string{"demo", "now"}, `demo takes no arguments, got "now"`},
		{[]string{"demo", "--nonsense"}, "--nonsense"},
		{[]string{"demo", "--two\nlines"}, "--two lines"},
		{[]string{"demo", "--requests", "many"}, "--requests"},
		{[]string{"demo", "--requests", "0"}, "--requests must be from 1"},
		{[]string{"demo", "--requests", "-1"}, "--requests must be from 1"},
		{[]string{"demo", "--requests", "10000001"}, "--requests must be from 1"},
		{[]string{"demo", "--concurrency", "0"}, "--concurrency must be from 1"},
		{[]string{"demo", "--concurrency", "4097"}, "--concurrency must be from 1"},
		{[]string{"demo", "--only", "both"}, `--only must be bearer or xoauth2, got "both"`},
		{[]string{"demo", "--report"}, "--report"},
		{[]string{"demo", "--report="}, "--report needs the name of a file"},
		{[]string{"demo", "--report", folder}, "is a folder"},
		{[]string{"demo", "--report", filepath.Join(folder, "absent", "r.html")}, "no such file"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			status, stdout, stderr := exec(t, tt.args...)
			if status != exitUsage {
				t.Errorf("got status %d, want %d", status, exitUsage)
			}
			if stdout != "" {
				t.Errorf("stdout: got %q, want nothing", stdout)
			}
			if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "bearer: ") || !strings.Contains(stderr, tt.want) {
				t.Errorf("stderr: got %q, want one line of bearer's with %q", stderr, tt.want)
			}
		})
	}
}

func TestHelpAndVersionGoToStdout(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "demo"},
		{[]string{"--help"}, "demo"},
		{[]string{"demo", "--help"}, "--concurrency"},
		{[]string{"version"}, "bearer "},
	} {
		status, stdout, stderr := exec(t, tt.args...)
		if status != exitOK || stderr != "" || !strings.Contains(stdout, tt.want) {
			t.Errorf("%q: got status %d, stdout %q, stderr %q, want 0 and %q", tt.args, status, stdout, stderr, tt.want)
		}
	}
}

// Each command has examples of its use.
func TestEachCommandHasExamples(t *testing.T) {
	commands := newRoot().Commands()
	for len(commands) > 0 {
		cmd := commands[0]
		commands = append(commands[1:], cmd.Commands()...)
		if cmd.Runnable() && !cmd.HasSubCommands() && !strings.Contains(cmd.Example, "bearer") {
			t.Errorf("%s: got the examples %q, want some", cmd.CommandPath(), cmd.Example)
		}
	}
}

func TestDemoJSONHasExactlyItsKeys(t *testing.T) {
	report := filepath.Join(t.TempDir(), "report.html")
	status, stdout, stderr := exec(t, "demo", "--json", "--requests", "200", "--concurrency", "50", "--report", report)
	if status != exitOK || stderr != "" {
		t.Fatalf("got status %d and stderr %q, want 0 and nothing (stderr is no terminal)", status, stderr)
	}
	if got := strings.Count(stdout, "\n"); got != 1 {
		t.Errorf("got %d lines, want one object in one line:\n%s", got, stdout)
	}
	var got map[string]map[string]int64
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if keys, want := slices.Sorted(maps.Keys(got)), []string{"bearer", "xoauth2"}; !slices.Equal(keys, want) {
		t.Errorf("got the columns %q, want %q", keys, want)
	}
	want := []string{
		"failed", "leaked", "max_us", "p50_us", "p999_us", "p99_us", "requests",
		"token_requests", "token_requests_outage", "waited", "wall_ms",
	}
	for column, figures := range got {
		if keys := slices.Sorted(maps.Keys(figures)); !slices.Equal(keys, want) {
			t.Errorf("%s: got the figures %q, want %q", column, keys, want)
		}
		if figures["requests"] != 200 {
			t.Errorf("%s: got %d requests, want 200", column, figures["requests"])
		}
	}
	// That none fail is for the test of package demo, whose tokens live longer
	// than a busy machine stalls.
	if b := got["bearer"]; b["leaked"] != 0 {
		t.Errorf("bearer: got %d leaked, want none", b["leaked"])
	}
	if page, err := os.ReadFile(report); err != nil || !bytes.HasPrefix(page, []byte("<!doctype html>")) {
		t.Errorf("report: got %.20q and the error %v, want a page", page, err)
	}
}

func TestDemoOnlyOneColumn(t *testing.T) {
	status, stdout, stderr := exec(t, "demo", "--only", "xoauth2", "--requests", "1")
	if status != exitOK || stderr != "" {
		t.Fatalf("got status %d and stderr %q, want 0 and nothing", status, stderr)
	}
	if !strings.Contains(stdout, "x/oauth2") || strings.Contains(stdout, "bearer") {
		t.Errorf("got the table\n%swant one column, x/oauth2", stdout)
	}
}

func TestInterruptIsStatus130(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	if got := run(ctx, []string{"demo"}, strings.NewReader(""), &out, &errs); got != exitInterrupted {
		t.Errorf("got status %d, want %d", got, exitInterrupted)
	}
	if got, want := errs.String(), "bearer: interrupted\n"; got != want {
		t.Errorf("stderr: got %q, want %q", got, want)
	}
}
