package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// newBrowser starts a browser that knows nobody yet: the contexts of chromedp's
// actions come from it. It ends with the test. Each of names leads to this
// machine.
func newBrowser(t *testing.T, names ...string) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	rules := ""
	for _, name := range names {
		rules += "MAP " + name + " 127.0.0.1, "
	}
	ctx, cancel = chromedp.NewExecAllocator(ctx,
		chromedp.Headless,
		chromedp.NoFirstRun,
		chromedp.NoSandbox, // CI is root in a container, where the sandbox cannot work
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		// The server's pages name a font elsewhere. Nothing here leaves this machine.
		chromedp.Flag("host-resolver-rules", rules+"MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// What the user does on the server's pages. Each has one form, with one button.
const (
	loginForm   = `form:has(input[name=login])`
	consentForm = `form:has(input[name=prompt][value=consent])`
)

type step = chromedp.Action[chromedp.Void]

func signIn(user string) []step {
	return []step{
		chromedp.SendKeys(chromedp.CSS(loginForm+` input[name=login]`), user),
		chromedp.SendKeys(chromedp.CSS(loginForm+` input[name=password]`), "any"),
		chromedp.Click(chromedp.CSS(loginForm + ` button`)),
		chromedp.WaitVisible(chromedp.CSS(consentForm)),
	}
}

func grantConsent() step { return chromedp.Click(chromedp.CSS(consentForm + ` button`)) }

func declineConsent() step { return chromedp.Click(chromedp.CSS(`a[href$="/abort"]`)) }

// browse does what the user does, and fails the test if a page is not as expected.
func browse(t *testing.T, browser context.Context, steps ...step) {
	t.Helper()
	if err := chromedp.Do(browser, steps...); err != nil {
		t.Fatalf("browser: %v", err)
	}
}
