package login

import (
	"errors"
	"net/url"

	"github.com/cli/browser"
)

func init() {
	// The library hands these to the command that it starts, and is set to the program's own
	// stdout and stderr, where the chatter of a browser would get into the output. Nil is the null
	// device.
	browser.Stdout, browser.Stderr = nil, nil
}

// OpenBrowser opens an http or https URL in the user's default browser. Where a command does that,
// it returns when the command ends, which for some is when the browser is closed. It may be called
// by several goroutines at once.
func OpenBrowser(pageURL string) error {
	u, err := url.Parse(pageURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		// The system would start a program for other schemes, or read an option.
		return errors.New("login: OpenBrowser opens http and https URLs only")
	}
	return browser.OpenURL(pageURL)
}
