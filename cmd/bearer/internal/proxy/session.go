package proxy

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"strings"
	"sync"
	"time"
)

// sessions are the browsers that may see the page. A link lets in one of them,
// which gets a cookie.
type sessions struct {
	mu    sync.Mutex // guards what follows
	links map[digest]time.Time
	open  map[digest]time.Time
}

// digest is that of a link's key or a cookie. Looking one up takes a time that
// depends on the digest alone, which says nothing of the secret.
type digest [sha256.Size]byte

const (
	// mostSessions bounds each map: the oldest makes room for a new one.
	mostSessions = 16

	// sessionTime is how long a browser that stays open may see the page.
	sessionTime = 24 * time.Hour
)

// link returns the key of a new link.
func (s *sessions) link() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return add(&s.links)
}

// enter returns the cookie of a new session, if that is the key of a link that
// has not been used.
func (s *sessions) enter(key string) (cookie string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := digest(sha256.Sum256([]byte(key)))
	if _, ok := s.links[d]; !ok {
		return "", false
	}
	delete(s.links, d)
	return add(&s.open), true
}

// has reports whether a session has that cookie.
func (s *sessions) has(cookie string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	since, ok := s.open[digest(sha256.Sum256([]byte(cookie)))]
	return ok && time.Since(since) < sessionTime
}

// add adds a new secret to m, and returns it.
func add(m *map[digest]time.Time) string {
	if *m == nil {
		*m = map[digest]time.Time{}
	}
	for len(*m) >= mostSessions {
		var oldest digest
		first := time.Time{}
		for d, since := range *m {
			if first.IsZero() || since.Before(first) {
				oldest, first = d, since
			}
		}
		delete(*m, oldest)
	}
	secret := rand.Text()
	(*m)[digest(sha256.Sum256([]byte(secret)))] = time.Now()
	return secret
}

// cookiePrefix is what our cookies begin with. The port follows, since the
// cookies of a host are those of all its ports.
const cookiePrefix = "bearer-proxy-"

func cookieName(r *http.Request) string {
	_, port, found := strings.Cut(r.Host[strings.LastIndexByte(r.Host, ']')+1:], ":")
	if !found {
		port = "0"
	}
	return cookiePrefix + port
}

// withoutOwnCookie removes our cookies from a request that is forwarded.
func withoutOwnCookie(h http.Header) {
	lines := h["Cookie"]
	if len(lines) == 0 {
		return
	}
	var rest []string
	for _, line := range lines {
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" && !strings.HasPrefix(cookie, cookiePrefix) {
				rest = append(rest, cookie)
			}
		}
	}
	delete(h, "Cookie")
	if len(rest) > 0 {
		h.Set("Cookie", strings.Join(rest, "; "))
	}
}
