package proxy

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// header is where a caller may present its token, if Authorization does not
// suit it.
const header = "X-Bearer-Proxy"

// Callers are those who may use the proxy, by the tokens in a file: one a line,
// each a token alone or a name and a token; # begins a comment. An edit of the
// file counts within a second.
type Callers struct {
	path   string
	logger *slog.Logger

	now     atomic.Pointer[callers]
	reading sync.Mutex // held by who reads the file again
}

// callers are what the file says.
type callers struct {
	list []caller
	read time.Time
	said string // what was wrong with it, as it was logged
}

type caller struct {
	name   string
	digest [sha256.Size]byte
}

// reread is for how long the file is not looked at again.
const reread = time.Second

// OpenCallers reads the file, and fails if anything in it is wrong. What is
// wrong later is logged: a line that is wrong lets nobody through, and neither
// does a file that cannot be read.
func OpenCallers(path string, logger *slog.Logger) (*Callers, error) {
	c := &Callers{path: path, logger: logger}
	list, err := c.read()
	if err != nil {
		return nil, err
	}
	c.now.Store(&callers{list: list, read: time.Now()})
	return c, nil
}

// who returns the caller whose token r presents.
func (c *Callers) who(r *http.Request) (name string, ok bool) {
	token := r.Header.Get(header)
	if len(r.Header[header]) == 0 {
		scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return "", false
		}
		token = strings.TrimSpace(rest)
	}
	digest := sha256.Sum256([]byte(token))
	for _, known := range c.current() {
		if subtle.ConstantTimeCompare(digest[:], known.digest[:]) == 1 { // of digests, so that not even the length shows
			name, ok = known.name, true
		}
	}
	return name, ok
}

// current returns the callers. Only one request at a time looks at the file;
// the others go on with what is known.
func (c *Callers) current() []caller {
	known := c.now.Load()
	if time.Since(known.read) < reread || !c.reading.TryLock() {
		return known.list
	}
	defer c.reading.Unlock()
	next := &callers{read: time.Now()}
	var err error
	if next.list, err = c.read(); err != nil {
		next.said = err.Error()
		if next.said != known.said {
			c.logger.Warn("callers' tokens: " + next.said)
		}
	}
	c.now.Store(next)
	return next.list
}

// read returns the callers of the lines that are right, and what is wrong with
// the others.
func (c *Callers) read() (list []caller, err error) {
	text, err := os.ReadFile(c.path)
	if err != nil {
		return nil, err
	}
	var faults []error
	fault := func(line int, text string) { faults = append(faults, fmt.Errorf("%s:%d: %s", c.path, line, text)) }
	seen := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	n := 0
	for lines.Scan() {
		n++
		words := strings.Fields(lines.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		name, token := "default", words[0]
		if len(words) > 1 {
			name, token = words[0], words[1]
		}
		switch {
		case len(words) > 2:
			fault(n, "write a name and a token, with a space between them")
		case !utf8.ValidString(name): // it is a label of the metrics
			fault(n, "the name is not UTF-8; write another")
		case len(token) < 16:
			fault(n, "the token is shorter than 16 characters; make a longer one, for example with openssl rand -hex 16")
		case strings.IndexFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0:
			fault(n, "the token has a character that no header can hold; make another")
		case seen[name]:
			fault(n, "the name is taken by a line above; choose another")
		default:
			seen[name] = true
			list = append(list, caller{name, sha256.Sum256([]byte(token))})
		}
	}
	switch {
	case lines.Err() != nil:
		fault(n+1, "the line is too long")
	case len(list) == 0 && len(faults) == 0:
		faults = append(faults, fmt.Errorf("%s names no caller; write a token in a line of it", c.path))
	}
	return list, errors.Join(faults...)
}

// caller returns who sent r, and whether it may use the proxy.
func (p *Proxy) caller(r *http.Request) (name string, ok bool) {
	if _, tcp := localAddr(r); p.Callers == nil || !tcp {
		return "", true // a socket has the permissions of its file
	}
	return p.Callers.who(r)
}
