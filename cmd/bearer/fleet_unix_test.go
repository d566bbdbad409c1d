//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A fleet survives that processes are killed and that its store is cut off, and
// what fails has no valid token.
func TestFleetWithFaults(t *testing.T) {
	runsItself(t)
	got := fleetOf(t, "--processes", "4", "--for", "5s", "--kill", "300ms", "--cut", "2s")
	if got.Killed == 0 || got.Cut == 0 || got.Stopped != 0 {
		t.Errorf("got %d killed, %d cut and %d stopped, want some, some and none", got.Killed, got.Cut, got.Stopped)
	}
}

// However a fleet ends, no process of it stays: not even one that is stopped.
func TestAFleetLeavesNoProcess(t *testing.T) {
	for _, tt := range []struct {
		signal os.Signal
		status int // -1: of a process that was killed
	}{
		{os.Interrupt, exitInterrupted},
		{syscall.SIGKILL, -1},
	} {
		t.Run(tt.signal.String(), func(t *testing.T) {
			folder := t.TempDir()
			t.Setenv("TMPDIR", folder) // the store of a fleet that is killed stays there
			cmd := program(t, "fleet", "--processes", "3", "--for", "1m")
			var errs bytes.Buffer
			cmd.Stderr = &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var workers []int
			await(t, "three processes", func() bool {
				workers = childrenOf(t, cmd.Process.Pid)
				return len(workers) == 3
			})
			if err := syscall.Kill(workers[1], syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			await(t, "a process that is stopped", func() bool { return stateOf(t, workers[1]) == "T" })
			if err := cmd.Process.Signal(tt.signal); err != nil {
				t.Fatal(err)
			}
			err := cmd.Wait()
			if exit, ok := errors.AsType[*osexec.ExitError](err); !ok || exit.ExitCode() != tt.status {
				t.Errorf("got %v and stderr %q, want status %d", err, &errs, tt.status)
			}
			if left, err := filepath.Glob(filepath.Join(folder, "bearer-fleet-*")); err != nil || tt.status >= 0 && len(left) > 0 {
				t.Errorf("got %q and the error %v, want no store left", left, err)
			}
			await(t, "the end of all processes", func() bool {
				for _, pid := range workers {
					if running(t, pid) {
						return false
					}
				}
				return true
			})
		})
	}
}

// await waits until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("got none within %v, want %s", patience, what)
		}
	}
}

// childrenOf returns the processes that parent has started.
func childrenOf(t *testing.T, parent int) (children []int) {
	t.Helper()
	for _, p := range processes(t) {
		if p.parent == parent {
			children = append(children, p.pid)
		}
	}
	return children
}

// running reports whether a process has not ended. A zombie has.
func running(t *testing.T, pid int) bool {
	t.Helper()
	state := stateOf(t, pid)
	return state != "" && state != "Z"
}

// stateOf returns the letter of a process's state; empty: there is none.
func stateOf(t *testing.T, pid int) string {
	t.Helper()
	for _, p := range processes(t) {
		if p.pid == pid {
			return p.state[:1]
		}
	}
	return ""
}

type process struct {
	pid, parent int
	state       string
}

func processes(t *testing.T) (all []process) {
	t.Helper()
	out, err := osexec.Command("ps", "-A", "-o", "pid=,ppid=,state=").Output()
	if err != nil {
		t.Fatalf("ps does not list processes: %v", err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 3 {
			continue
		}
		pid, _ := strconv.Atoi(f[0])
		parent, _ := strconv.Atoi(f[1])
		all = append(all, process{pid, parent, f[2]})
	}
	return all
}
