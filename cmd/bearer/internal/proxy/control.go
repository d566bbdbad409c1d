package proxy

import (
	"cmp"
	"io"
	"net"
	"net/http"
)

// newControl returns the handler of what is below /-/.
func (p *Proxy) newControl() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /-/healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /-/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !p.ready() {
			say(w, http.StatusServiceUnavailable, "not ready")
			return
		}
		say(w, http.StatusOK, "ready")
	})
	mux.Handle("GET /-/metrics", p.forCallers(p.metrics.handler))
	mux.Handle("POST /-/link", p.forCallers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme := "http://"
		if r.TLS != nil {
			scheme = "https://"
		}
		say(w, http.StatusOK, p.Link(scheme+r.Host))
	})))
	mux.HandleFunc("GET /-/open", p.open)
	mux.Handle("GET /-/{$}", p.forPage(http.HandlerFunc(p.page)))
	mux.Handle("GET /-/events", p.forPage(http.HandlerFunc(p.events)))
	mux.Handle("GET /-/page.js", p.forPage(asset("text/javascript; charset=utf-8", script)))
	mux.Handle("GET /-/page.css", p.forPage(asset("text/css; charset=utf-8", style)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Security-Policy", policy)
		mux.ServeHTTP(w, r)
	})
}

// say writes one line.
func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n") // fails only if the caller has left
}

// forCallers lets callers with their token through, and browsers that may see
// the page.
func (p *Proxy) forCallers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := p.caller(r); !ok && !p.seesPage(r) {
			p.refuse(w, unknownCaller())
			return
		}
		next.ServeHTTP(w, r)
	})
}

// forPage is forCallers for what the page consists of. A proxy without callers'
// tokens does not show it to all browsers either.
func (p *Proxy) forPage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, tcp := localAddr(r)
		if _, ok := p.caller(r); !p.seesPage(r) && (!ok || tcp && p.Callers == nil) {
			p.refuse(w, noPage())
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (p *Proxy) seesPage(r *http.Request) bool {
	cookie, err := r.Cookie(cookieName(r))
	return err == nil && p.sessions.has(cookie.Value)
}

// Link returns a link that opens the page, once, in one browser. origin is the
// proxy's, such as http://127.0.0.1:8080.
func (p *Proxy) Link(origin string) string { return origin + own + "open?key=" + p.sessions.link() }

// Origin returns the URL of the proxy, which listens on addr.
func (p *Proxy) Origin(addr net.Addr) string {
	if p.Certificate == nil {
		return "http://" + addr.String()
	}
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "https://" + addr.String()
	}
	return "https://" + net.JoinHostPort(cmp.Or(p.Certificate.name(), host), port)
}

// open is where a link leads.
func (p *Proxy) open(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead { // which looks, and does not enter
		return
	}
	cookie, ok := p.sessions.enter(r.FormValue("key"))
	if !ok {
		p.refuse(w, noPage())
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: cookie, Path: own, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	http.Redirect(w, r, own, http.StatusSeeOther)
}
