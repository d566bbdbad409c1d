package declaration

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"example.com/bearer/cmd/bearer/internal/home"
)

// folders makes the working directory and the user's folder, and returns the
// latter.
func folders(t *testing.T) string {
	t.Helper()
	own := t.TempDir()
	t.Setenv(home.Variable, own)
	t.Setenv(Variable, "")
	t.Chdir(t.TempDir())
	return own
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFindTakesTheFirst(t *testing.T) {
	own := filepath.Join(folders(t), Name)
	if _, err := Find(""); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), own) {
		t.Errorf("nothing: got %v, want ErrNone, and where a file may be", err)
	}
	put(t, own, "own")
	put(t, "flag.yaml", "flag")
	put(t, "variable.yaml", "variable")
	found := func(flag, want string, wantFound bool) {
		t.Helper()
		f, err := Find(flag)
		if err != nil || string(f.Data) != want || f.Found != wantFound {
			t.Errorf("got %q, found %v, and %v; want %q and %v", f.Data, f.Found, err, want, wantFound)
		}
	}
	found("", "own", false)
	put(t, Name, "here")
	found("", "here", true)
	t.Setenv(Variable, "variable.yaml")
	found("", "variable", false)
	found("flag.yaml", "flag", false)
	if _, err := Find("absent.yaml"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a flag that names nothing: got %v, want that, not another file", err)
	}
}

// In the user's folder the file there is the user's own; a link does not change
// that, and what is not a regular file is not waited for.
func TestFindInTheWorkingDirectory(t *testing.T) {
	own := folders(t)
	put(t, filepath.Join(own, Name), "own")
	link(t, filepath.Join(own, Name), Name)
	if f, err := Find(""); err != nil || f.Found || f.Path != filepath.Join(own, Name) {
		t.Errorf("a link to the user's own: got %s, found %v, and %v; want it by its own path, not found", f.Path, f.Found, err)
	}
	if err := errors.Join(os.Remove(Name), os.Mkdir(Name, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(""); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: got %v, want that it is not a file", err)
	}
}

// An approval is for the folder from which relative paths start, by whatever name
// it is reached, and not for a link to the file from elsewhere.
func TestApprovalIsForAFolder(t *testing.T) {
	folders(t)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	put(t, Name, "x")
	trusted := func(want bool) {
		t.Helper()
		f, err := Find("")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Trusted(); err != nil || got != want {
			t.Errorf("got %v and %v, want %v", got, err, want)
		}
	}
	trusted(false)
	f, err := Find("")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Approve(); err != nil {
		t.Fatal(err)
	}
	trusted(true)

	elsewhere := t.TempDir()
	link(t, here, filepath.Join(elsewhere, "folder"))
	link(t, filepath.Join(here, Name), filepath.Join(elsewhere, Name))
	t.Chdir(filepath.Join(elsewhere, "folder"))
	trusted(true)
	t.Chdir(elsewhere)
	trusted(false)
}

// Processes that update a file at once lose nothing of each other's.
func TestUpdateByManyAtOnce(t *testing.T) {
	path := filepath.Join(folders(t), Name)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			err := Update(t.Context(), path, func(f File) ([]byte, error) {
				return f.Declare(fmt.Sprint("c", i), []Setting{{"client_id", "x"}}, false)
			})
			if err != nil {
				t.Errorf("Update: %v", err)
			}
		})
	}
	wg.Wait()
	f, err := Read(path)
	if got := Names(f.Data); err != nil || len(got) != 8 {
		t.Errorf("got %q and %v, want all 8", got, err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 2 {
		t.Errorf("got %v and %v, want the file and its lock", files, err)
	}
}

// A link to the file stays one, and a change that fails leaves the file.
func TestUpdateKeepsLinksAndWhatItCannotChange(t *testing.T) {
	real := filepath.Join(folders(t), "real.yaml")
	put(t, real, "clients: {}\n")
	link(t, real, "link.yaml")
	change := func(text string, err error) error {
		return Update(t.Context(), "link.yaml", func(File) ([]byte, error) { return []byte(text), err })
	}
	if err := change("changed", nil); err != nil {
		t.Fatal(err)
	}
	wrong := errors.New("wrong")
	if err := change("wrong", wrong); !errors.Is(err, wrong) {
		t.Errorf("got %v, want %v", err, wrong)
	}
	info, err := os.Lstat("link.yaml")
	if text, readErr := os.ReadFile(real); err != nil || readErr != nil || string(text) != "changed" || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("got %q behind a file of mode %v (%v, %v), want it changed behind the link", text, info.Mode(), err, readErr)
	}
}

// A link that changes while the file is read does not make what somebody else
// wrote the user's own.
func TestFindWhileALinkChanges(t *testing.T) {
	own := filepath.Join(folders(t), Name)
	put(t, own, "own")
	put(t, "theirs", "theirs")
	link(t, own, Name)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // ends when stop is closed
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			target := own
			if i%2 == 0 {
				target = "theirs"
			}
			if err := errors.Join(os.Symlink(target, "next"), os.Rename("next", Name)); err != nil {
				t.Errorf("the link: %v", err)
				return
			}
		}
	}()
	for range 3000 {
		f, err := Find("")
		if err != nil {
			t.Errorf("Find: %v", err)
			break
		}
		if string(f.Data) != "own" && !f.Found {
			t.Error("got what another one wrote, not found but as the user's own")
			break
		}
	}
	close(stop)
	<-stopped
}

// The file keeps its mode, and a link to a file that is not there yet makes that
// file.
func TestUpdateKeepsTheMode(t *testing.T) {
	folders(t)
	put(t, "there.yaml", "clients: {}\n")
	if err := errors.Join(os.Chmod("there.yaml", 0o640), os.MkdirAll("dotfiles", 0o700)); err != nil {
		t.Fatal(err)
	}
	link(t, "dotfiles/later.yaml", "link.yaml")
	for path, want := range map[string]os.FileMode{"there.yaml": 0o640, "link.yaml": 0o600} {
		if err := Update(t.Context(), path, func(File) ([]byte, error) { return []byte("changed"), nil }); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode() != want {
			t.Errorf("%s: got the mode %v and %v, want %v", path, info.Mode(), err, want)
		}
	}
	if info, err := os.Lstat("link.yaml"); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("got %v and %v, want a link still", info, err)
	}
}

// link makes a link to a file. Only Windows may refuse that.
func link(t *testing.T, to, path string) {
	t.Helper()
	switch err := os.Symlink(to, path); {
	case err != nil && runtime.GOOS == "windows":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}
