package login

import (
	"strings"
	"testing"
)

// Anything but a web page could be a program to start, or an option of the
// opener.
func TestOpenBrowserOpensPagesOnly(t *testing.T) {
	for _, u := range []string{"", "--help", "file:///etc/passwd", "javascript:alert(1)", "calc.exe", ":"} {
		if err := OpenBrowser(u); err == nil || !strings.Contains(err.Error(), "http and https URLs only") {
			t.Errorf("%q: got %v, want it refused", u, err)
		}
	}
}
