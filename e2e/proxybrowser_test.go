package e2e

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"example.com/bearer/bearertest"
)

// eval returns what an expression of the page is, or becomes.
func eval[T any](t *testing.T, browser context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(browser, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits until an expression of the page is true.
func until(condition string) step {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := chromedp.Evaluate[bool](`new Promise((resolve) => {
			const wait = () => (`+condition+`) ? resolve(true) : setTimeout(wait, 20);
			wait();
		})`, chromedp.EvalAwaitPromise)(ctx, target)
		return err
	})
}

// field is the text of a cell of the page.
func field(name string) string {
	return "document.querySelector('[data-field=" + name + "]').textContent"
}

// The page opens by its link, once, shows what happens while it happens, and can
// be used with the keyboard, in light and in dark. Nothing in it breaks its own
// policy. BEARER_E2E_SCREENSHOTS names a folder for pictures of it.
func TestProxyPage(t *testing.T) {
	p := startProxy(t, bearertest.Config{})
	browser := newBrowser(t)
	browse(t, browser,
		chromedp.Navigate(p.link),
		until(field("state")+" === 'valid'"),
		until(field("requests")+" === '0'"),
		until("document.getElementById('live').textContent === 'Live'"),
	)
	if got := eval[string](t, browser, "location.pathname + document.cookie"); got != "/-/" {
		t.Errorf("got the path and cookie %q, want /-/ and no cookie that scripts see", got)
	}
	before := eval[string](t, browser, field("left"))
	browse(t, browser, until(field("left")+" !== '"+before+"'")) // it counts down
	for range 3 {
		if got := get(http.DefaultClient, p.url+"/daily", p.token); got != "200" {
			t.Fatalf("got %s, want 200", got)
		}
	}
	p.RevokeAll()
	get(http.DefaultClient, p.url+"/daily", p.token)
	browse(t, browser, until(field("requests")+" === '4'"), until(field("refreshes")+" === '2'"))
	p.Fault(bearertest.TokenEndpoint, bearertest.Fault{Status: http.StatusBadRequest, Body: `{"error":"invalid_client"}`, Times: -1})
	p.RevokeAll()
	get(http.DefaultClient, p.url+"/daily", p.token)
	browse(t, browser,
		until(field("state")+" === 'failing'"),
		until("!document.querySelector('.error').hidden && "+field("error")+".includes('invalid_client')"),
		until("document.getElementById('summary').textContent === 'Not all clients are ready'"),
	)

	// The keyboard reaches the button, and presses it.
	browse(t, browser, chromedp.KeyEvent("\t"))
	if got := eval[string](t, browser, "document.activeElement.id"); got != "pause" {
		t.Errorf("the first Tab: got the focus on %q, want the button", got)
	}
	browse(t, browser, chromedp.KeyEvent("\r"), until("document.getElementById('live').textContent === 'Paused'"))
	if got := eval[string](t, browser, "document.activeElement.getAttribute('aria-pressed')"); got != "true" {
		t.Errorf("got aria-pressed %q, want true", got)
	}
	browse(t, browser, chromedp.KeyEvent(" "), until("document.getElementById('live').textContent === 'Live'"))

	grounds := map[string]bool{}
	for _, scheme := range []string{"light", "dark"} {
		browse(t, browser, prefer(scheme))
		grounds[eval[string](t, browser, "getComputedStyle(document.body).backgroundColor")] = true
		picture(t, browser, scheme)
	}
	if len(grounds) != 2 {
		t.Errorf("got the grounds %v, want one for light and one for dark", grounds)
	}

	// Another browser cannot use the same link, and this one cannot leave /-/.
	for address, want := range map[string]string{p.link: "works once", p.url + "/daily": "Requests of web pages are refused"} {
		browse(t, browser, chromedp.Navigate(address))
		if got := eval[string](t, browser, "document.body.textContent"); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
}

// prefer makes the browser one whose user prefers that color scheme.
func prefer(scheme string) step {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}

// picture writes a screenshot, if pictures are wanted.
func picture(t *testing.T, browser context.Context, name string) {
	t.Helper()
	folder := os.Getenv("BEARER_E2E_SCREENSHOTS")
	if folder == "" {
		return
	}
	data, err := chromedp.Run(browser, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name+".png"), data, 0o600)
	}
	if err != nil {
		t.Error(err)
	}
}

// A page of another origin gets nothing from the proxy, and nothing through it,
// whatever it tries: on another port of this machine, and on another site; with
// a browser that may see the status page, and a proxy whose callers need no
// token. Neither does a page behind a name that was rebound to the proxy.
func TestProxyRefusesPages(t *testing.T) {
	p := startProxy(t, bearertest.Config{}, "--no-caller-token")
	attacker := httptest.NewServer(http.FileServer(http.Dir(".")))
	defer attacker.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(attacker.URL, "http://"), ":")
	at, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	browser := newBrowser(t, "evil.test", "rebound.test", "localhost")
	browse(t, browser, chromedp.Navigate(p.link), until(field("state")+" === 'valid'"))
	localhost := "http://localhost:" + at.Port()
	for _, page := range []string{attacker.URL, "http://evil.test:" + port} {
		browse(t, browser, chromedp.Navigate(page+"/attack.html"))
		for _, origin := range []string{p.url, localhost} {
			if read := eval[[]string](t, browser, "attack('"+origin+"', 'any')"); len(read) != 0 {
				t.Errorf("a page of %s got something from %s:\n%s", page, origin, strings.Join(read, "\n"))
			}
		}
		if got := eval[int](t, browser, "fetch(location.href).then((r) => r.status)"); got != http.StatusOK {
			t.Errorf("the page of %s cannot even reach its own server: %d", page, got) // then it shows nothing
		}
	}

	// The rebound name leads to the proxy itself: for the browser the page has
	// the proxy's origin.
	rebound := "http://rebound.test:" + at.Port()
	browse(t, browser, chromedp.Navigate(rebound+"/"))
	for _, path := range []string{"/daily", "/-/", "/-/metrics", "/-/healthz", "/-/events"} {
		got := eval[string](t, browser, "fetch('"+path+"').then(async (r) => r.status + await r.text())")
		if !strings.HasPrefix(got, "421") || strings.Contains(got, "reports") {
			t.Errorf("a page behind a rebound name: %s: got %q, want 421", path, got)
		}
	}
	if n := p.Counts().Requests[bearertest.APIEndpoint]; n != 0 {
		t.Errorf("%d requests of pages reached the API, want none", n)
	}
	if got := get(http.DefaultClient, p.url+"/daily", ""); got != "200" {
		t.Errorf("a program got %s, want 200", got)
	}
}
