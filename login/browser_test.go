package login

import (
	"strings"
	"testing"

	"github.com/cli/browser"
)

// Anything but a web page could be a program to start, or an option of the opener.
func TestOpenBrowserOpensPagesOnly(t *testing.T) {
	for _, u := range []string{"", "--help", "file:///etc/passwd", "javascript:alert(1)", "calc.exe", ":"} {
		if err := OpenBrowser(u); err == nil || !strings.Contains(err.Error(), "http and https URLs only") {
			t.Errorf("%q: got %v, want it refused", u, err)
		}
	}
}

// The command that opens the browser writes nothing to the program's own output.
func TestOpenBrowserIsSilent(t *testing.T) {
	if browser.Stdout != nil || browser.Stderr != nil {
		t.Errorf("got output to %v and %v, want the null device", browser.Stdout, browser.Stderr)
	}
}
