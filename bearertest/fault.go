package bearertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Fault is something that goes wrong at an endpoint. Zero fields have no
// effect. A fault begins with the first request that it hits, so that an
// outage can be armed beforehand. A request that it hits is not processed
// unless Processed, Rename or Members is set.
type Fault struct {
	// Times is how many requests it hits. 0 means one or, with For, all of
	// them; negative means all until [Server.ClearFaults]. If both are set,
	// whichever comes first ends it.
	Times int
	// For is how long it lasts, counted from the first request that it hits.
	For time.Duration

	// Delay replaces the endpoint's usual delay. 0 means the usual one for
	// a request that is processed, and none otherwise.
	Delay time.Duration
	// Processed makes the server process the request, so that a token is
	// issued or revoked, before the answer is spoiled.
	Processed bool

	// Drop closes the connection instead of answering. With Truncate it is
	// closed in the middle of the answer's body.
	//
	// A [net/http.Transport] resends a request without a body by itself if
	// a connection that it used before is dropped.
	Drop bool
	// Status replaces the status.
	Status int
	// Header is set in the answer, in place of fields of the same name.
	Header http.Header
	// Body replaces the body. Its Content-Type comes from Header, or is
	// guessed.
	Body string
	// Redirect is the Location of a redirection; Status 0 then means 307.
	Redirect string
	// Rename changes the names of members, from key to value, in the JSON
	// object that the endpoint answers with, once it has processed the
	// request. In a redirection it renames parameters of the Location's
	// query.
	Rename map[string]string
	// Members then sets members, or parameters, in the same place; a nil
	// value removes one. At the [AuthorizeEndpoint] {"iss": nil} and
	// {"iss": "https://other.test"} are what RFC 9207 protects against.
	Members map[string]any
	// Truncate sends only the first half of the body, as if it were all.
	Truncate bool
	// Endless sends a body that does not end until the client leaves.
	Endless bool
}

// armed is a Fault and how much of it is left. Guarded by Server.mu.
type armed struct {
	Fault
	left  int       // requests; negative: not counted
	until time.Time // zero: has not hit yet, or For is 0
}

// Fault arms f for the requests to e. Faults of one endpoint happen one
// after another, in the order in which they were armed.
func (s *Server) Fault(e Endpoint, f Fault) {
	a := &armed{Fault: f, left: f.Times}
	switch {
	case f.Times == 0 && f.For == 0:
		a.left = 1
	case f.Times == 0:
		a.left = -1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[e] = append(s.faults[e], a)
}

// ClearFaults removes all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.faults)
}

// hit returns the fault that a request to e at the time now meets, or nil.
// It is called with s.mu held.
func (s *Server) hit(e Endpoint, now time.Time) *Fault {
	for len(s.faults[e]) > 0 {
		a := s.faults[e][0]
		over := a.left == 0 || !a.until.IsZero() && !now.Before(a.until)
		if over {
			s.faults[e] = s.faults[e][1:]
			continue
		}
		if a.left > 0 {
			a.left--
		}
		if a.For > 0 && a.until.IsZero() {
			a.until = now.Add(a.For)
		}
		s.counts.Faults++
		return &a.Fault
	}
	return nil
}

// processes reports whether the request is processed all the same.
func (f *Fault) processes() bool { return f.Processed || f.edits() }

// edits reports whether the answer's members change.
func (f *Fault) edits() bool { return f.Members != nil || f.Rename != nil }

// answer sends the spoiled answer. good is the endpoint's answer, empty if the
// request was not processed.
func (f *Fault) answer(ctx context.Context, w http.ResponseWriter, good *buffered) {
	if f.Drop && !f.Truncate {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	maps.Copy(h, good.header)
	body, status := f.body(good), good.status
	if f.Body != "" || !f.processes() {
		h.Del("Content-Type")
	}
	if to := h.Get("Location"); to != "" && f.edits() {
		h.Set("Location", f.editQuery(to))
	}
	if f.Redirect != "" {
		h.Set("Location", f.Redirect)
		status = http.StatusTemporaryRedirect
	}
	if f.Status != 0 {
		status = f.Status
	}
	maps.Copy(h, f.Header)
	full := len(body)
	if f.Truncate {
		body = body[:full/2]
	}
	switch {
	case f.Endless:
		w.WriteHeader(status)
		endless(ctx, w, body)
	case f.Drop: // in the middle of the body
		h.Set("Content-Length", strconv.Itoa(full))
		w.WriteHeader(status)
		w.Write(body)
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	default:
		if bodyAllowed(status) {
			h.Set("Content-Length", strconv.Itoa(len(body)))
		}
		w.WriteHeader(status)
		if len(body) > 0 && bodyAllowed(status) {
			w.Write(body)
		}
	}
}

func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// body returns the body of the spoiled answer.
func (f *Fault) body(good *buffered) []byte {
	if f.Body != "" {
		return []byte(f.Body)
	}
	b := good.body.Bytes()
	if !f.edits() {
		return b
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	members := make(map[string]any)
	if dec.Decode(&members) != nil {
		return b // not a JSON object: there are no members to change
	}
	edit(f, members, func(v any) any { return v })
	if b2, err := json.Marshal(members); err == nil {
		b = b2
	}
	return b
}

// editQuery returns the URL to with a query as the fault makes it.
func (f *Fault) editQuery(to string) string {
	u, err := url.Parse(to)
	if err != nil {
		return to // a handler under Protect may send anything
	}
	query := u.Query()
	edit(f, query, func(v any) []string { return []string{fmt.Sprint(v)} })
	u.RawQuery = query.Encode()
	return u.String()
}

// edit renames and sets the members of m; value makes a member of an element
// of Members.
func edit[M ~map[string]V, V any](f *Fault, m M, value func(any) V) {
	renamed := make(M)
	for old, name := range f.Rename {
		if v, ok := m[old]; ok {
			renamed[name] = v
		}
	}
	for old := range f.Rename {
		delete(m, old)
	}
	maps.Copy(m, renamed) // after the deletions, so that two names can be swapped
	for name, v := range f.Members {
		if v == nil {
			delete(m, name)
			continue
		}
		m[name] = value(v)
	}
}

// endless writes until the client leaves.
func endless(ctx context.Context, w io.Writer, start []byte) {
	w.Write(start)
	junk := bytes.Repeat([]byte(" "), 16<<10)
	for ctx.Err() == nil {
		if _, err := w.Write(junk); err != nil {
			return
		}
	}
}

// buffered is an answer that has not been sent yet.
type buffered struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffered) Header() http.Header { return b.header }
func (b *buffered) WriteHeader(status int) {
	if b.status == 0 {
		b.status = status
	}
}
func (b *buffered) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.body.Write(p)
}
