package login

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"strconv"

	"example.com/bearer/grant"
)

// A page tells the user one thing. Its text is ours: nothing of a query gets
// into a page.
type page struct {
	Status int
	Good   bool
	Title  string
	Text   string
}

// strangerPage is for a callback that is not an answer to the login that a
// Loopback waits for.
var strangerPage = page{
	Status: http.StatusBadRequest,
	Title:  "This answer belongs to another login",
	Text:   "The program is still waiting. Log in on the page that it opened.",
}

// answeredPage is for a callback after the one that counts, such as a reload.
var answeredPage = page{
	Status: http.StatusConflict,
	Title:  "The program already has its answer",
	Text:   "You can close this window and return to the program.",
}

// statelessPage is for an error that came to a Loopback without a state.
func statelessPage(err error) page {
	title := "The login did not work"
	if errors.Is(err, grant.ErrAccessDenied) {
		title = "The login was declined"
	}
	return page{http.StatusBadRequest, false, title,
		"The program is still waiting, because this answer does not name its login. If you declined, stop the program; if not, log in on the page that it opened."}
}

// programPage is the end of a Loopback's login.
func programPage(err error) page {
	switch {
	case err == nil:
		return page{http.StatusOK, true, "You are logged in", "You can close this window and return to the program."}
	case errors.Is(err, grant.ErrAccessDenied):
		return page{http.StatusForbidden, false, "You declined", "Nothing was shared. You can close this window and return to the program."}
	}
	return page{http.StatusBadGateway, false, "The login did not work", "You can close this window. The program shows the reason."}
}

// sitePage is the end of a Handler's login that failed.
func sitePage(err error) page {
	var setup *setupError
	switch {
	case errors.As(err, &setup):
		return page{http.StatusInternalServerError, false, "The login is not set up", setup.Error()}
	case errors.Is(err, grant.ErrAccessDenied):
		return page{http.StatusForbidden, false, "You declined", "Nothing was shared. Return to the site to log in another way."}
	case errors.Is(err, grant.ErrStateMismatch):
		return page{http.StatusBadRequest, false, "This login is over", "It was declined, took too long, is already done, or began in another browser. Return to the site and log in again."}
	}
	return page{http.StatusBadGateway, false, "The login did not work", "Return to the site and log in again."}
}

var (
	//go:embed page.css
	style string
	//go:embed page.html
	markup string

	pageTemplate = template.Must(template.New("page").Parse(markup))

	// Only our own style sheet, by its hash, and the empty icon, which saves a
	// request for one.
	policy = "default-src 'none'; style-src 'sha256-" + hash(style) + "'; img-src data:; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (p page) show(w http.ResponseWriter) {
	var b bytes.Buffer
	data := struct {
		page
		Style template.CSS
	}{p, template.CSS(style)}
	if err := pageTemplate.Execute(&b, data); err != nil {
		http.Error(w, p.Title, p.Status) // cannot happen: data has every field
		return
	}
	h := w.Header()
	secure(h)
	h.Set("Content-Security-Policy", policy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(p.Status)
	w.Write(b.Bytes()) // fails only if the browser has left
}

// secure is for every answer: the URL contains the code, which must get neither
// into a cache nor into the Referer of the next page (RFC 9700 section 4.2.4).
func secure(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}
