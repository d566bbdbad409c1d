//go:build unix && !race

package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"example.com/bearer/bearertest"
)

// The memory of a batch does not grow with its length. What is measured is at
// least the memory of this process, which has the server and all tests.
func TestBatchNeedsLittleMemory(t *testing.T) {
	size, err := strconv.Atoi(os.Getenv(sizeVariable))
	if err != nil {
		size = 2000
	}
	answer := bytes.Repeat([]byte("x"), 1024)
	newAPI(t, bearertest.Config{}, func(rw http.ResponseWriter, _ *http.Request) { rw.Write(answer) })
	cmd := program(t, "batch", "app", writeList(t, size), "-o", filepath.Join(t.TempDir(), "out"))
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	const most = 64 << 10
	peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	t.Logf("%d requests: peak memory %d KiB", size, peak)
	if peak > most && peak < 1<<20 { // Darwin counts bytes
		t.Errorf("got a peak memory of %d KiB, want at most %d", peak, most)
	}
}
