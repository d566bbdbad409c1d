package home

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFolderIsTheUsersOwn(t *testing.T) {
	t.Setenv(Variable, "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", "")
	config, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Folder(); err != nil || got != filepath.Join(config, "bearer") {
		t.Errorf("got %q and %v, want %q", got, err, filepath.Join(config, "bearer"))
	}
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(Variable, "x")
	if got, err := Folder(); err != nil || got != filepath.Join(here, "x") {
		t.Errorf("got %q and %v, want an absolute path", got, err)
	}
}
