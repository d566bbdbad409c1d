package config

import (
	"os"
	"path/filepath"
	"strings"
)

// path returns an absolute path.
func (d *decoder) path(raw string) string {
	if rest, ok := strings.CutPrefix(raw, "~/"); ok || raw == "~" {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	if filepath.IsAbs(raw) {
		return filepath.Clean(raw)
	}
	return filepath.Join(d.dir, raw)
}

// within reports whether path, with what its links lead to, is below dir. What
// is not there yet is where its folder is.
func within(dir, path string) bool {
	real := func(path string) string {
		for rest := ""; ; {
			if found, err := filepath.EvalSymlinks(path); err == nil {
				return filepath.Join(found, rest)
			} else if _, err := os.Lstat(path); err == nil {
				return "" // a link that leads nowhere yet, and then anywhere
			}
			parent := filepath.Dir(path)
			if parent == path {
				return filepath.Join(path, rest)
			}
			path, rest = parent, filepath.Join(filepath.Base(path), rest)
		}
	}
	folder, file := real(dir), real(path)
	below, err := filepath.Rel(folder, file)
	return err == nil && folder != "" && file != "" && filepath.IsLocal(below)
}
