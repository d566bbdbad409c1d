package proxy

import (
	"strings"

	"example.com/bearer/cmd/bearer/internal/target"
)

// plain reports whether a decoded path means the same to every server. One with
// a segment "." or ".." may lead out of base_url, or out of what is allowed,
// once it has been resolved.
func plain(path string) bool {
	if path == "" { // of an absolute URL
		return true
	}
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	return path[0] == '/' && !strings.ContainsFunc(path, control) && !target.Climbs(path)
}
