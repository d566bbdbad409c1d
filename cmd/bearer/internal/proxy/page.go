package proxy

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"time"
)

var (
	//go:embed page.html
	markup string
	//go:embed page.css
	style string
	//go:embed page.js
	script string

	pageTemplate = template.Must(template.New("page").Parse(markup))
)

// policy lets the page use what comes from here, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

func asset(contentType, text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		w.Write([]byte(text)) // fails only if the browser has left
	})
}

// A view is what the page shows, at one moment.
type view struct {
	Now     int64        `json:"now"` // Unix time in milliseconds
	Ready   bool         `json:"ready"`
	Clients []clientView `json:"clients"`
}

// A clientView is a row of the page. Times are Unix times in milliseconds, 0 if
// they are not known.
type clientView struct {
	Name            string `json:"name"`
	Base            string `json:"base"`
	State           string `json:"state"`
	Expiry          int64  `json:"expiry"`
	NextRefresh     int64  `json:"nextRefresh"`
	Refreshes       int64  `json:"refreshes"`
	RefreshFailures int64  `json:"refreshFailures"`
	Breaker         string `json:"breaker"`
	Requests        int64  `json:"requests"`
	Failures        int64  `json:"failures"`
	InFlight        int64  `json:"inFlight"`
	PerMinute       int    `json:"perMinute"`
	Half            string `json:"half"` // within which half of the last minute's answers came
	Most            string `json:"most"` // and 95 of 100
	Error           string `json:"error"`
}

func (p *Proxy) view() view {
	now := time.Now()
	v := view{Now: now.UnixMilli(), Ready: p.ready()}
	for _, r := range p.table.Load().routes {
		status, s := r.cache.Status(), r.stats
		c := clientView{
			Name: r.name, Base: r.shown, State: r.state(status), Expiry: millis(status.Expiry), NextRefresh: millis(status.NextRefresh),
			Refreshes: s.refreshes.Load(), RefreshFailures: s.refreshFailures.Load(), Breaker: status.Breaker,
			Requests: s.requests.Load(), Failures: s.failures.Load(), InFlight: s.inFlight.Load(),
		}
		if c.Breaker == "" {
			c.Breaker = "none"
		}
		var half, most time.Duration
		c.PerMinute, half, most = s.latency.recent(now)
		c.Half, c.Most = short(half), short(most)
		if status.LastError != nil {
			c.Error = p.Explain(status.LastError)
		}
		v.Clients = append(v.Clients, c)
	}
	return v
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// short writes a time with two digits.
func short(d time.Duration) string {
	switch {
	case d == 0:
		return "–"
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// Left says when the token expires, for browsers without scripts.
func (c clientView) Left() string {
	if c.Expiry == 0 || c.State != valid {
		return "–"
	}
	return time.UnixMilli(c.Expiry).UTC().Format("2006-01-02 15:04:05 UTC")
}

// Look is the class of a state or of a breaker.
func (clientView) Look(word string) string {
	switch word {
	case valid, "closed":
		return "good"
	case failing, loginRequired, "open":
		return "bad"
	case "none":
		return "off"
	}
	return "wait"
}

func (p *Proxy) page(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p.view()); err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError) // cannot happen: a view has every field
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(b.Bytes())
}

// events sends a view whenever it has changed, as server-sent events.
func (p *Proxy) events(w http.ResponseWriter, r *http.Request) {
	const (
		every     = time.Second
		keepAlive = 15 // ticks without a change, after which a comment shows that the connection is alive
	)
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last []byte
	for quiet := 0; ; quiet++ {
		v := p.view()
		now := v.Now
		v.Now = 0 // it always changes
		text, err := json.Marshal(v)
		if err != nil {
			return // cannot happen: a view has nothing but text and numbers
		}
		switch {
		case !bytes.Equal(text, last):
			last, quiet = text, 0
			v.Now = now
			text, _ = json.Marshal(v)
			_, err = fmt.Fprintf(w, "data: %s\n\n", text)
		case quiet%keepAlive == 0:
			_, err = fmt.Fprint(w, ":\n\n")
		}
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-p.closing:
			return
		}
	}
}
