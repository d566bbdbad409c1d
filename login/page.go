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

// A page says one thing to the user. Its text is ours: nothing of a query gets into one.
type page struct {
	Status int
	Good   bool
	Title  string
	Text   string
}

// strangerPage is for a callback that is no answer to the login that a Loopback waits for.
var strangerPage = page{
	Status: http.StatusBadRequest,
	Title:  "This is not the login that was begun",
	Text:   "The program is still waiting. Log in with the page that it opened.",
}

// answeredPage is for a callback after the one that counts, such as a page that is loaded again.
var answeredPage = page{
	Status: http.StatusConflict,
	Title:  "The program has its answer",
	Text:   "You can close this window and go back to the program.",
}

// programPage is the end of a Loopback's login.
func programPage(err error) page {
	switch {
	case err == nil:
		return page{http.StatusOK, true, "You are logged in", "You can close this window and go back to the program."}
	case errors.Is(err, grant.ErrAccessDenied):
		return page{http.StatusForbidden, false, "You declined", "Nothing was shared. You can close this window and go back to the program."}
	}
	return page{http.StatusBadGateway, false, "The login did not work", "You can close this window. The program that you came from says why."}
}

// sitePage is the end of a Handler's login that failed.
func sitePage(err error) page {
	var setup *setupError
	switch {
	case errors.As(err, &setup):
		return page{http.StatusInternalServerError, false, "The login is not set up", setup.Error()}
	case errors.Is(err, grant.ErrAccessDenied):
		return page{http.StatusForbidden, false, "You declined", "Nothing was shared. Go back to the site to log in in another way."}
	case errors.Is(err, grant.ErrStateMismatch):
		return page{http.StatusBadRequest, false, "This login is over", "It took too long, is done already, or was begun in another browser. Go back to the site and log in again."}
	}
	return page{http.StatusBadGateway, false, "The login did not work", "Go back to the site and log in again."}
}

var (
	//go:embed page.css
	style string
	//go:embed page.html
	markup string

	pageTemplate = template.Must(template.New("page").Parse(markup))

	// Only our own style sheet, by its hash, and the empty icon, which saves a request for one.
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
		http.Error(w, p.Title, p.Status) // cannot happen: the data has every field
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

// secure is for every answer: the URL has the code in it, which must get neither into a cache nor
// into the Referer of the next page (RFC 9700 section 4.2.4).
func secure(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}
