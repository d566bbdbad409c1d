package bearer_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every program in README.md compiles, with the module as its reader has it.
func TestREADMECompiles(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	requires := regexp.MustCompile(`(?s)require \(.*?\n\)`).FindAllString(string(mod), -1)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) == 0 {
		t.Fatal("README.md has no Go code")
	}
	for _, block := range blocks {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"main.go": block[1],
			"go.sum":  string(sum),
			"go.mod": "module reader\n\ngo 1.26.0\n\nrequire example.com/bearer v0.0.0\n\nreplace example.com/bearer => " + module + "\n\n" +
				strings.Join(requires, "\n"),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		build := exec.Command("go", "vet", "-mod=mod", ".")
		build.Dir = dir
		build.Env = append(os.Environ(), "GOWORK=off")
		if out, err := build.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s\nin\n%s", err, out, block[1])
		}
	}
}
