package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// The parser takes any file: it opens, or it has faults that fit a terminal,
// one a line and in the order of the file.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"examples/*", "testdata/faulty/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	loader := Loader{Dir: f.TempDir(), Confined: true, Getenv: func(string) string { return "" }}
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := loader.Parse(data)
		if err == nil {
			if len(set.Names()) == 0 {
				t.Error("got a set without clients, want a fault")
			}
			return
		}
		e, ok := errors.AsType[*Error](err)
		if !ok || len(e.Faults) == 0 || len(e.Faults) > maxFaults+1 {
			t.Fatalf("got %v, want up to %d faults", err, maxFaults+1)
		}
		for i, fault := range e.Faults {
			if i > 0 && i < maxFaults && fault.Line < e.Faults[i-1].Line {
				t.Errorf("got line %d after line %d", fault.Line, e.Faults[i-1].Line)
			}
			if fault.Text == "" || strings.ContainsFunc(fault.String(), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("got the fault %q, want one printable line", fault)
			}
		}
	})
}
