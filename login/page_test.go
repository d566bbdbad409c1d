package login

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
)

// The policy allows the style sheet that the page contains, and nothing else.
func TestPagePolicyFitsStyle(t *testing.T) {
	w := httptest.NewRecorder()
	strangerPage.show(w)
	_, rest, _ := strings.Cut(w.Body.String(), "<style>")
	css, _, found := strings.Cut(rest, "</style>")
	if want := "'sha256-" + hash(css) + "'"; !found || !strings.Contains(w.Header().Get("Content-Security-Policy"), want) {
		t.Errorf("got policy %q, want it to allow %s", w.Header().Get("Content-Security-Policy"), want)
	}
	for _, inline := range []string{"style=", "<script", "onload="} {
		if strings.Contains(w.Body.String(), inline) {
			t.Errorf("the page has %s, which the policy forbids", inline)
		}
	}
}

// A page never shows an error's text: it can contain a server's words.
func TestErrorPageShowsNoError(t *testing.T) {
	w := httptest.NewRecorder()
	ErrorPage(w, nil, fmt.Errorf("<b>words of a server</b>"))
	if strings.Contains(w.Body.String(), "words of a server") {
		t.Errorf("got %s, want nothing of the error", w.Body)
	}
}

func TestPageEscapes(t *testing.T) {
	w := httptest.NewRecorder()
	page{Status: 200, Title: "<script>", Text: "a & b"}.show(w)
	if body := w.Body.String(); strings.Contains(body, "<script>") || !strings.Contains(body, "a &amp; b") {
		t.Errorf("got %s, want it escaped", body)
	}
}
