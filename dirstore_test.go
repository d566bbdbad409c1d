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
	"runtime"
	"strings"
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

// G21: for this user alone.
func TestDirStoreModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("Windows has no modes")
		return
	}
	dir := filepath.Join(t.TempDir(), "tokens")
	d := bearer.DirStore(dir)
	if err := d.Put(t.Context(), "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	unlock, err := d.Lock(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s: got %v, want %v", e.Name(), got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
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
		t.Errorf("no folder: got error %v; want one that says so", err)
	}
	d := bearer.DirStore(t.TempDir())
	if err := d.Put(t.Context(), "", nil); err == nil || !strings.Contains(err.Error(), "key is empty") {
		t.Errorf("no key: got error %v; want one that says so", err)
	}
}

// What a process that died while writing has left is swept up later.
func TestDirStoreSweeps(t *testing.T) {
	dir := t.TempDir()
	d := bearer.DirStore(dir)
	if err := d.Put(t.Context(), "k", []byte("old")); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "token-k.json.tmp-123")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(left, long, long); err != nil {
		t.Fatal(err)
	}
	if err := d.Put(t.Context(), "k", []byte("new")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the left file: got error %v; want that it is gone", err)
	}
}

// storeWriterEnv makes the test binary a process that writes until it is killed.
const storeWriterEnv = "BEARER_TEST_STORE_WRITER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(storeWriterEnv); dir != "" {
		writeUntilKilled(bearer.DirStore(dir))
	}
	os.Exit(m.Run())
}

// storeValue is recognisable whole, and long enough to be cut.
func storeValue(i int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%08d\n", i), 2000)
}

func writeUntilKilled(d bearer.DirStore) {
	for i := 0; ; i++ {
		if err := d.Put(context.Background(), "k", storeValue(i)); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(i)
	}
}

// G21: kill -9 at any moment leaves the old or the new value. A writing process
// is killed 500 times at random moments.
func TestDirStoreKilled(t *testing.T) {
	const kills = 500
	dir := t.TempDir()
	d := bearer.DirStore(dir)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	midway := 0
	for range kills {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), storeWriterEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// It has written at least once; then it dies within a few writes.
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
			midway++ // it was killed between the rename and its word of it
		default:
			t.Fatalf("after a kill: got %d bytes beginning %.9q; want the whole of value %d or %d", len(got), got, done, done+1)
		}
	}
	t.Logf("%d kills, %d of them between writing and saying so", kills, midway)
}
