package proxy

import (
	"net/url"
	"strings"
)

// decodings is how often a path is decoded in search of what is hidden in it.
const decodings = 3

// plain reports whether a decoded path means the same to every server. One with
// a segment "." or ".." may lead out of base_url, or out of what is allowed,
// once it has been resolved; servers differ in how often they decode a path, in
// whether a backslash separates segments, and in what they do with what follows
// a semicolon.
func plain(path string) bool {
	if !strings.HasPrefix(path, "/") {
		return path == "" // of an absolute URL
	}
	for range decodings {
		for _, r := range path {
			if r < ' ' || r == 0x7f {
				return false
			}
		}
		for segment := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
			segment, _, _ = strings.Cut(segment, ";")
			if segment = strings.TrimSpace(segment); segment == "." || segment == ".." {
				return false
			}
		}
		next, err := url.PathUnescape(path)
		if err != nil || next == path {
			return true
		}
		path = next
	}
	return false
}
