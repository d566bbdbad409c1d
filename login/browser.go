package login

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// OpenBrowser opens an http or https URL in the user's default browser. It runs
// the system's command for that and returns when the command ends, which with
// some browsers is when the window is closed. The command's output is
// discarded. OpenBrowser may be called by several goroutines at once.
//
// The browser does not inherit environment variables that look like secrets by
// their name: those that contain SECRET, TOKEN, PASS, CREDENTIAL or APIKEY, or
// KEY as a word, in any case, such as MYAPP_CLIENT_SECRET or API_KEY.
func OpenBrowser(pageURL string) error {
	u, err := url.Parse(pageURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		// The system would start a program for other schemes, or read an
		// option.
		return errors.New("login: OpenBrowser opens http and https URLs only")
	}
	for _, opener := range openers() {
		path, err := exec.LookPath(opener[0])
		if err != nil {
			continue
		}
		// Without a shell: it would read the URL's & and $ as its own. Stdin,
		// Stdout and Stderr are nil, the null device: the chatter of a browser
		// must not get into the program's output.
		cmd := exec.Command(path, append(opener[1:], pageURL)...)
		cmd.Env = slices.DeleteFunc(os.Environ(), secret)
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("login: %s could not open the browser: %w", opener[0], err)
		}
		return nil
	}
	return fmt.Errorf("login: no command that opens a browser: %w", exec.ErrNotFound)
}

// openers returns the commands that open a URL, which is their last argument,
// in the order of preference.
//
// github.com/cli/browser knows them too, but hands the whole environment to
// them, and leaves no way to change that but os.Unsetenv, which would take the
// variables from the program itself.
func openers() [][]string {
	switch runtime.GOOS {
	case "darwin":
		return [][]string{{"open"}}
	case "windows":
		return [][]string{{"rundll32", "url.dll,FileProtocolHandler"}}
	}
	// The last is for the Windows Subsystem for Linux.
	return [][]string{{"xdg-open"}, {"x-www-browser"}, {"www-browser"}, {"wslview"}}
}

// secretName matches the names of variables that a browser does not inherit. A
// list of what browsers need would be the safer rule, but it has no end (the
// display, input methods, graphics drivers, proxies, packagers' variables), and
// a gap in it would keep the browser from starting.
var secretName = regexp.MustCompile(`(?i)secret|token|pass|credential|apikey|(^|_)keys?(_|$)`)

// secret reports whether a variable, NAME=VALUE, looks like a secret.
func secret(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return secretName.MatchString(name)
}
