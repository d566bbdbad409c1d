package bearer_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/bearer"
	"example.com/bearer/stores/storetest"
)

func TestDirStoreContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) bearer.Store {
		return bearer.DirStore(filepath.Join(t.TempDir(), "made", "when", "needed"))
	})
}

// G20: two names of one folder are one Store with one set of locks.
func TestDirStoreShared(t *testing.T) {
	storetest.RunShared(t, func(t *testing.T) (a, b bearer.Store) {
		dir := filepath.Join(t.TempDir(), "tokens")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(dir, link); err != nil {
			t.Log(err) // Windows allows it to some users only
			link = dir + string(filepath.Separator) + "."
		}
		return bearer.DirStore(dir), bearer.DirStore(link)
	})
}

// G21: a key cannot leave the folder.
func TestDirStoreKeysStayInside(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "tokens")
	d := bearer.DirStore(dir)
	for _, key := range []string{"../escaped", "..", "/abs", `..\escaped`, "a/../../b", "\x00"} {
		if err := d.Put(t.Context(), key, []byte("v")); err != nil {
			t.Errorf("Put %q: %v", key, err)
		}
	}
	entries, err := os.ReadDir(outer)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("beside the folder: got %v, want nothing", entries)
	}
}

func TestDirStoreBadInput(t *testing.T) {
	if _, err := bearer.DirStore("").Get(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), "DirStore is empty") {
		t.Errorf("no folder: got error %v, want one that says so", err)
	}
	d := bearer.DirStore(t.TempDir())
	for _, err := range []error{d.Put(t.Context(), "", nil), d.Swap(t.Context(), "", nil, nil)} {
		if err == nil || !strings.Contains(err.Error(), "key is empty") {
			t.Errorf("no key: got error %v, want one that says so", err)
		}
	}
}

// The first Put of a process removes the temporary files that dead processes
// left, for all keys; later ones do not read the folder again. Files that may
// be in use, and those of other programs, stay.
func TestDirStoreSweepsOnce(t *testing.T) {
	dir := t.TempDir()
	plant := func(name string, age time.Duration) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
		return path
	}
	there := func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}
	stale := []string{plant("token-k.json.tmp-123", time.Hour), plant("token-other.json.tmp-4", time.Hour)}
	kept := []string{
		plant("token-k.json.tmp-5", 0), plant("token-other.json", time.Hour), plant("token-k.lock", time.Hour),
		plant("foreign.json.tmp-6", time.Hour), plant("token-k%2ejson%2etmp-7.json", time.Hour),
	}
	d := bearer.DirStore(dir)
	if err := d.Put(t.Context(), "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	for _, path := range stale {
		if there(path) {
			t.Errorf("after the first Put: got %s, want it removed", filepath.Base(path))
		}
	}
	for _, path := range kept {
		if !there(path) {
			t.Errorf("after the first Put: %s is gone, want it kept", filepath.Base(path))
		}
	}
	later := plant("token-k.json.tmp-8", time.Hour)
	for _, again := range []bearer.DirStore{d, bearer.DirStore(dir + "/.")} {
		if err := again.Put(t.Context(), "k", []byte("w")); err != nil {
			t.Fatal(err)
		}
		if !there(later) {
			t.Errorf("after a second Put to %s: the folder was swept again, want once per process", again)
		}
	}
}

// Delete removes the value, not the lock: a process that holds it keeps it.
func TestDirStoreDeleteKeepsLock(t *testing.T) {
	dir := t.TempDir()
	d := bearer.DirStore(dir)
	unlock, err := d.Lock(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	lockFile := filepath.Join(dir, "token-k.lock")
	before, err := os.Stat(lockFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Put(t.Context(), "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if err := d.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(lockFile); err != nil || !os.SameFile(before, after) {
		t.Errorf("the lock file after Delete and unlock: got %v, want the same file", err)
	}
}

// A Store that was never written to has no folder, and Get and Delete make
// none.
func TestDirStoreReadingMakesNoFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tokens")
	d := bearer.DirStore(dir)
	if _, err := d.Get(t.Context(), "k"); !errors.Is(err, bearer.ErrNotFound) {
		t.Errorf("Get: got %v, want ErrNotFound", err)
	}
	if err := d.Delete(t.Context(), "k"); err != nil {
		t.Errorf("Delete: got %v, want nil", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder: got %v, want that it does not exist", err)
	}
}

// A folder that is a file is an error that names it, and never ErrNotFound,
// which would mean that the credential was deleted.
func TestDirStoreFolderIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := bearer.DirStore(path)
	_, getErr := d.Get(t.Context(), "k")
	_, lockErr := d.Lock(t.Context(), "k")
	for op, err := range map[string]error{
		"Get": getErr, "Put": d.Put(t.Context(), "k", nil), "Delete": d.Delete(t.Context(), "k"), "Lock": lockErr,
		"Swap": d.Swap(t.Context(), "k", nil, nil),
	} {
		if err == nil || errors.Is(err, bearer.ErrNotFound) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want an error that names %s", op, err, path)
		}
	}
}

// storeWriterEnv turns the test binary into a process that writes to the folder
// that it names, in the way that storeWriterModeEnv names.
const (
	storeWriterEnv     = "BEARER_TEST_STORE_WRITER"
	storeWriterModeEnv = "BEARER_TEST_STORE_WRITER_MODE"
)

// storeWriters are the ways to write. All print what they have done.
var storeWriters = map[string]func(bearer.DirStore) error{
	"put": func(d bearer.DirStore) error {
		for i := 0; ; i++ {
			if err := d.Put(context.Background(), "k", storeValue(i)); err != nil {
				return err
			}
			fmt.Println(i)
		}
	},
	"swap": func(d bearer.DirStore) error {
		old, err := d.Get(context.Background(), "k")
		if err != nil && !errors.Is(err, bearer.ErrNotFound) {
			return err
		}
		for i := 0; ; i++ {
			if err := d.Swap(context.Background(), "k", old, storeValue(i)); err != nil {
				return err
			}
			old = storeValue(i)
			fmt.Println(i)
		}
	},
	"increment": func(d bearer.DirStore) error {
		for i := 0; i < storeIncrements; {
			old, err := d.Get(context.Background(), "k")
			if err != nil {
				return err
			}
			n, err := strconv.Atoi(string(old))
			if err != nil {
				return err
			}
			switch err := d.Swap(context.Background(), "k", old, []byte(strconv.Itoa(n+1))); {
			case err == nil:
				i++
			case !errors.Is(err, bearer.ErrChanged):
				return err
			}
		}
		fmt.Println("done")
		return nil
	},
}

// storeIncrements is how often each process increments.
const storeIncrements = 50

func TestMain(m *testing.M) {
	if dir := os.Getenv(storeWriterEnv); dir != "" {
		if err := storeWriters[os.Getenv(storeWriterModeEnv)](bearer.DirStore(dir)); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// storeWriter is another process that writes to d.
func storeWriter(t *testing.T, d bearer.DirStore, mode string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), storeWriterEnv+"="+string(d), storeWriterModeEnv+"="+mode)
	return cmd
}

// storeValue returns a value that shows whether it is whole, and is long enough
// to be cut.
func storeValue(i int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%08d\n", i), 2000)
}

// G21: kill -9 at any moment leaves the old or the new value. The test kills a
// writing process 500 times, at random moments.
func TestDirStoreKilled(t *testing.T) { killWriters(t, "put") }

// G21, G22: a Swap that is killed has happened or it has not, and is in nobody's
// way: the next process swaps what is there.
func TestDirStoreKilledInSwap(t *testing.T) { killWriters(t, "swap") }

func killWriters(t *testing.T, mode string) {
	const kills = 500
	d := bearer.DirStore(t.TempDir())
	midway := 0
	for range kills {
		cmd := storeWriter(t, d, mode)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// It has written once; it dies within a few more writes.
		lines := bufio.NewScanner(out)
		if !lines.Scan() {
			t.Fatal("the writer wrote nothing")
		}
		last := lines.Text()
		timer := time.AfterFunc(rand.N(3*time.Millisecond), func() { _ = cmd.Process.Kill() })
		for lines.Scan() {
			last = lines.Text()
		}
		timer.Stop()
		_ = cmd.Wait()

		var done int
		if _, err := fmt.Sscan(last, &done); err != nil {
			t.Fatalf("the writer said %q", last)
		}
		got, err := d.Get(t.Context(), "k")
		switch {
		case err != nil:
			t.Fatalf("after a kill: %v", err)
		case bytes.Equal(got, storeValue(done)):
		case bytes.Equal(got, storeValue(done+1)):
			midway++ // killed after the rename, before it printed
		default:
			t.Fatalf("after a kill: got %d bytes beginning %.9q; want the whole of value %d or %d", len(got), got, done, done+1)
		}
	}
	t.Logf("%d kills, %d of them after a write that was not printed yet", kills, midway)
}

// Processes that increment a number by Swap lose no increment of each other.
func TestDirStoreSwapAcrossProcesses(t *testing.T) {
	const processes = 6
	d := bearer.DirStore(t.TempDir())
	if err := d.Put(t.Context(), "k", []byte("0")); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for range processes {
		cmd := storeWriter(t, d, "increment")
		running.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("process: got %v and %s, want no error", err, out)
			}
		})
	}
	running.Wait()
	if got, err := d.Get(t.Context(), "k"); err != nil || string(got) != strconv.Itoa(processes*storeIncrements) {
		t.Errorf("after %d processes with %d increments each: got %s, %v; want %d", processes, storeIncrements, got, err, processes*storeIncrements)
	}
}

// The cost of Put does not grow with the folder.
func BenchmarkDirStorePut(b *testing.B) {
	for _, files := range []int{0, 100_000} {
		b.Run(fmt.Sprintf("beside=%d", files), func(b *testing.B) {
			dir := b.TempDir()
			for i := range files {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("token-user-%d.json", i)), nil, 0o600); err != nil {
					b.Fatal(err)
				}
			}
			d := bearer.DirStore(dir)
			if err := d.Put(b.Context(), "k", []byte("v")); err != nil { // sweeps
				b.Fatal(err)
			}
			for b.Loop() {
				if err := d.Put(b.Context(), "k", []byte("v")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
