package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/bearer/cmd/bearer/internal/fleet"
)

// runsItself makes processes that the command starts be the command: see
// TestMain.
func runsItself(t *testing.T) { t.Setenv("BEARER_TEST_IS_PROGRAM", "1") }

func TestBadFleets(t *testing.T) {
	const secret = "canary-password"
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string // part of the line
	}{
		{[]string{"now"}, `fleet takes no arguments, got "now"`},
		{[]string{"--processes", "0"}, "--processes must be from 1 to 128, got 0"},
		{[]string{"--processes", "129"}, "--processes must be from 1 to 128, got 129"},
		{[]string{"--for", "999ms"}, "--for must be from 1s to 1h, got 999ms"},
		{[]string{"--for", "61m"}, "--for must be from 1s to 1h, got 1h1m0s"},
		{[]string{"--for", "1"}, "--for"},
		{[]string{"--kill", "0"}, "--kill must be from 100ms to 1h, got 0s"},
		{[]string{"--stop", "-1s"}, "--stop must be from 100ms to 1h, got -1s"},
		{[]string{"--cut", "99ms"}, "--cut must be from 100ms to 1h, got 99ms"},
		{[]string{"--for", "20s", "--cut", "15s"}, "--cut 15s is too long: with --for 20s, faults happen in the first 15s only"},
		{[]string{"--stop", "8s"}, "--stop 8s is too long"},
		{[]string{"--store", file}, "is a file, not a folder"},
		{[]string{"--store", ""}, "--store must be dir"},
		{[]string{"--store", "redis"}, "--store must be dir"},
		{[]string{"--store", "mysql://app:" + secret + "@127.0.0.1/x"}, "--store must be dir"},
		{[]string{"--store", "redis://app:" + secret + "@127.0.0.1/x/y"}, "--store is not a URL of a Redis server"},
		{[]string{"--store", "postgres://app:" + secret + "@[::1/x"}, "--store is not a URL of a PostgreSQL database"},
		{[]string{"--store", "postgres://app:" + secret + "@/x?host=/run/postgresql"}, "a Unix socket cannot be cut"},
		{[]string{"--report="}, "--report needs the name of a file"},
		{[]string{"--report", folder}, "is a folder"},
		{[]string{"--report", filepath.Join(folder, "absent", "r.html")}, "no such file"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			status, stdout, stderr := exec(t, append([]string{"fleet"}, tt.args...)...)
			if status != exitUsage || stdout != "" {
				t.Errorf("got status %d and stdout %q, want %d and nothing", status, stdout, exitUsage)
			}
			if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "bearer: ") || !strings.Contains(stderr, tt.want) {
				t.Errorf("stderr: got %q, want one line of bearer's with %q", stderr, tt.want)
			}
			if strings.Contains(stderr, secret) {
				t.Errorf("stderr shows the password: %q", stderr)
			}
		})
	}
}

// A store that cannot be reached is one line, without the password.
func TestFleetWithoutItsStore(t *testing.T) {
	const secret = "canary-password"
	for _, store := range []string{"redis://app:" + secret + "@127.0.0.1:1/0", "postgres://app:" + secret + "@127.0.0.1:1/x"} {
		status, stdout, stderr := exec(t, "fleet", "--store", store)
		if status != exitFailed || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "bearer: fleet: the store cannot be used: ") {
			t.Errorf("got status %d, stdout %q and stderr %q, want %d and a line that says so", status, stdout, stderr, exitFailed)
		}
		if strings.Contains(stderr, secret) {
			t.Errorf("stderr shows the password: %q", stderr)
		}
	}
}

// G20: processes that share a rotating refresh token make one token request per
// expiry.
func TestFleet(t *testing.T) {
	runsItself(t)
	fleetOf(t, "--processes", "3", "--for", "3s")
}

// fleetOf runs a fleet in this process, which must do nothing wrong, and returns
// its figures.
func fleetOf(t *testing.T, args ...string) fleet.Stats {
	t.Helper()
	report := filepath.Join(t.TempDir(), "report.html")
	status, stdout, stderr := exec(t, append([]string{"fleet", "--json", "--report", report}, args...)...)
	if status != exitOK || stderr != "" {
		t.Errorf("got status %d and stderr %q, want 0 and nothing (stderr is no terminal)", status, stderr)
	}
	var got fleet.Stats
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("got %q: %v", stdout, err)
	}
	const keys = `{"processes","requests","failed","token_requests","expiries","reuse","killed","stopped","cut",`
	if order := keysOf(stdout); !strings.HasPrefix(order, keys) {
		t.Errorf("got the keys %s, want those that begin with %s", order, keys)
	}
	if got.Requests == 0 || got.TokenRequests == 0 || got.Expiries == 0 {
		t.Errorf("got %+v, want some requests, token requests and expiries", got)
	}
	page, err := os.ReadFile(report)
	if err != nil || !bytes.HasPrefix(page, []byte("<!doctype html>")) {
		t.Errorf("report: got %.20q and the error %v, want a page", page, err)
	}
	if bytes.Contains(page, []byte("NaN")) || bytes.Contains(page, []byte("Inf")) {
		t.Error("report: it holds a figure that is not a number")
	}
	return got
}

// keysOf returns the keys of a JSON object of numbers and strings, in their
// order.
func keysOf(object string) string {
	var keys strings.Builder
	keys.WriteString("{")
	for _, member := range strings.Split(strings.Trim(object, "{}\n"), `,"`) {
		key, _, _ := strings.Cut(strings.TrimPrefix(member, `"`), `"`)
		keys.WriteString(`"` + key + `",`)
	}
	return keys.String()
}

// A process of a fleet says what it is for when somebody starts it.
func TestFleetWorkerWithoutAFleet(t *testing.T) {
	status, stdout, stderr := exec(t, workerCommand)
	if status != exitFailed || stdout != "" || !strings.Contains(stderr, "run bearer fleet instead") {
		t.Errorf("got status %d, stdout %q and stderr %q, want %d and what to do", status, stdout, stderr, exitFailed)
	}
	if _, help, _ := exec(t, "--help"); strings.Contains(help, workerCommand) || !strings.Contains(help, "fleet") {
		t.Errorf("the help lists %s, or not fleet:\n%s", workerCommand, help)
	}
}
