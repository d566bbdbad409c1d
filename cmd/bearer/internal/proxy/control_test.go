package proxy

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/bearer/bearertest"
)

// healthz and readyz need no token and show nothing; metrics need one.
func TestHealth(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, oneClient, nil)
	w.send("GET", "/daily", "")
	if got := w.send("GET", "/-/healthz", "", "Authorization", ""); got.StatusCode != 200 || got.body != "ok\n" {
		t.Errorf("healthz: got %s and %q, want ok", got.Status, got.body)
	}
	if got := w.send("GET", "/-/readyz", "", "Authorization", ""); got.StatusCode != 200 || got.body != "ready\n" {
		t.Errorf("readyz: got %s and %q, want ready", got.Status, got.body)
	}
	for _, path := range []string{"/-/metrics", "/-/link", "/-/", "/-/events", "/-/page.js"} {
		method := "GET"
		if path == "/-/link" {
			method = "POST"
		}
		got := w.send(method, path, "", "Authorization", "")
		if got.StatusCode != 401 && got.StatusCode != 403 || strings.Contains(got.body, "reports") {
			t.Errorf("%s without a token: got %s and %q, want a refusal that shows nothing", path, got.Status, got.body)
		}
		if got := w.send(method, path, "", "Authorization", "Bearer wrong-token-0123456789"); got.StatusCode != 401 && got.StatusCode != 403 {
			t.Errorf("%s with a wrong token: got %s, want a refusal", path, got.Status)
		}
	}
	got := w.send("GET", "/-/metrics", "")
	for _, want := range []string{
		`bearer_proxy_requests_total{caller="tests",client="reports",code="200"} 1`,
		`bearer_proxy_refused_total{problem="caller-token"}`,
		`bearer_proxy_response_seconds_count{client="reports"} 1`,
		`bearer_token_valid{client="reports"} 1`,
		`bearer_token_refreshes_total{client="reports"} 1`,
		`bearer_breaker_state{client="reports",state="closed"} 1`,
		`bearer_token_expiry_timestamp_seconds{client="reports"} 1`,
	} {
		w.wants(got, 200, want)
	}
	if got := w.send("GET", "/-/none", ""); got.StatusCode != 404 || len(w.arrived()) != 1 {
		t.Errorf("got %s, and %d requests at the API; want 404: what is below /-/ is not forwarded", got.Status, len(w.arrived()))
	}
}

// readyz says whether requests would be authorized: not before the first token,
// and not while there is none to be had.
func TestReady(t *testing.T) {
	w := newWorld(t, bearertest.Config{Delay: map[bearertest.Endpoint]time.Duration{bearertest.TokenEndpoint: time.Hour}}, impatient, nil)
	w.wants(w.send("GET", "/-/readyz", ""), 503, "not ready")

	w = newWorld(t, bearertest.Config{}, impatient, nil)
	w.eventually("the first token", func() bool { return w.send("GET", "/-/readyz", "").StatusCode == 200 })
	w.Fault(bearertest.TokenEndpoint, bearertest.Fault{Status: 400, Body: `{"error":"invalid_client"}`, Times: -1})
	w.RevokeAll()
	w.send("GET", "/", "")
	w.wants(w.send("GET", "/-/readyz", ""), 503, "not ready")
}

// eventually waits for what happens in a goroutine of the proxy.
func (w *world) eventually(what string, happened func() bool) {
	w.Helper()
	for deadline := time.Now().Add(time.Minute); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("got no %s within a minute", what)
		}
	}
}

// The page opens once by a link, in one browser, whose cookie no script and no
// other site can use.
func TestLink(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, oneClient, nil)
	browser := []string{"Authorization", "", "Sec-Fetch-Site", "none"}
	w.wants(w.send("GET", "/-/", "", browser...), 403, "Open the link")
	link := strings.TrimPrefix(w.proxy.Link(w.url), w.url)
	if got := w.send("HEAD", link, "", browser...); len(got.Cookies()) != 0 {
		t.Errorf("HEAD: got %v, want no cookie", got.Cookies())
	}
	got := w.send("GET", link, "", browser...)
	cookies := got.Cookies()
	if got.StatusCode != 303 || got.Header.Get("Location") != own || len(cookies) != 1 {
		t.Fatalf("got %s and %v, want the page and a cookie", got.Status, got.Header)
	}
	c := cookies[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != own || c.Secure || !strings.HasPrefix(c.Name, cookiePrefix) || c.Domain != "" {
		t.Errorf("got the cookie %v", c)
	}
	w.wants(w.send("GET", link, "", browser...), 403, "POST /-/link")
	with := append(browser, "Cookie", c.Name+"="+c.Value)
	page := w.send("GET", "/-/", "", with...)
	w.wants(page, 200, "reports")
	if csp := page.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("got the policy %q", csp)
	}
	for _, path := range []string{"/-/page.js", "/-/page.css", "/-/metrics"} {
		if got := w.send("GET", path, "", with...); got.StatusCode != 200 {
			t.Errorf("%s: got %s, want 200", path, got.Status)
		}
	}
	w.wants(w.send("GET", "/daily", "", "Authorization", "", "Cookie", c.Name+"="+c.Value), 401, "")
	w.wants(w.send("GET", "/-/", "", append(browser, "Cookie", c.Name+"=x")...), 403, "")

	another := strings.TrimSpace(w.send("POST", "/-/link", "").body)
	if got := w.send("GET", strings.TrimPrefix(another, w.url), "", browser...); got.StatusCode != 303 {
		t.Errorf("another link: got %s, want 303", got.Status)
	}
}

// Without callers' tokens the page is still for those with a link.
func TestPageWithoutCallerTokens(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, oneClient, nil, func(c *Config) { c.Callers = nil })
	w.wants(w.send("GET", "/daily", "", "Authorization", ""), 200, "")
	w.wants(w.send("GET", "/daily", "", "Authorization", "", "Sec-Fetch-Site", "none"), 403, "")
	w.wants(w.send("GET", "/-/", "", "Authorization", ""), 403, "")
	w.wants(w.send("GET", "/-/metrics", "", "Authorization", ""), 200, "bearer_token_valid")
}

// The oldest sessions make room for new ones, and none lasts forever.
func TestSessions(t *testing.T) {
	var s sessions
	first, ok := s.enter(s.link())
	if !ok || !s.has(first) || s.has("") {
		t.Fatal("a session does not open")
	}
	unused := s.link()
	var last string
	for range mostSessions {
		last, _ = s.enter(s.link())
	}
	if s.has(first) || !s.has(last) || len(s.open) != mostSessions {
		t.Errorf("got %d sessions, want the newest %d", len(s.open), mostSessions)
	}
	if _, ok := s.enter(unused); !ok {
		t.Error("a link that was not used does not open")
	}
	for d := range s.open {
		s.open[d] = time.Now().Add(-sessionTime)
	}
	if s.has(last) {
		t.Error("a session lasts for longer than sessionTime")
	}
}

// The page's events show what happens when it happens, and end with the proxy.
func TestEvents(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, oneClient, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	resp, err := w.client(false).Do(w.request(ctx, "GET", "/-/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	next := func() (v view) {
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(text), &v); err != nil {
					t.Fatal(err)
				}
				return v
			}
		}
		t.Fatalf("the events ended: %v", lines.Err())
		return v
	}
	if got := next(); len(got.Clients) != 1 || got.Clients[0].Name != "reports" || got.Clients[0].Requests != 0 {
		t.Errorf("got %v, want one client without a request", got)
	}
	w.send("GET", "/", "")
	for {
		if c := next().Clients[0]; c.Requests == 1 && c.State == valid && c.Expiry > 0 && c.Refreshes == 1 && c.Half != "–" {
			break
		}
	}
	w.stop()
	for lines.Scan() { // until the end, which Serve waits for
	}
}
