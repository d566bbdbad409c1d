package proxy

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/config"
)

const (
	callerToken = "canary-caller-token-0123456789"
	secret      = "canary-client-secret"
)

// A world is an authorization server with its API, a file that declares clients
// of it, and a proxy that serves them.
type world struct {
	*testing.T
	*bearertest.Server
	api    *httptest.Server // behind Protect: it shows what arrived
	file   string
	tokens string // the file of callers
	proxy  *Proxy
	url    string // of the proxy
	log    *safeBuffer
	stop   func()        // ends Serve
	ended  chan struct{} // closed when it has returned
	served error         // what it returned; read after ended

	mu   sync.Mutex // guards seen
	seen []*http.Request
}

// file of one client, whose API is API.
const oneClient = `
clients:
  reports: {token_url: AUTH/token, client_id: client, client_secret: ` + secret + `, base_url: API/v1}
`

// newWorld starts a world. In the file AUTH stands for the authorization
// server's URL, and API for the API's. handler answers what the API lets
// through; nil: 200 and the path.
func newWorld(t *testing.T, cfg bearertest.Config, file string, handler http.HandlerFunc, change ...func(*Config)) *world {
	t.Helper()
	w := makeWorld(t, cfg, file, handler, change...)
	w.listen(time.Minute)
	return w
}

// makeWorld is newWorld with a proxy that does not serve yet.
func makeWorld(t *testing.T, cfg bearertest.Config, file string, handler http.HandlerFunc, change ...func(*Config)) *world {
	t.Helper()
	cfg.Clients = []bearertest.Client{{ID: "client", Secret: secret}}
	w := &world{T: t, Server: bearertest.Start(t, cfg), log: new(safeBuffer)}
	if handler == nil {
		handler = func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, r.URL.RequestURI()) }
	}
	w.api = httptest.NewServer(w.Protect(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.seen = append(w.seen, r)
		w.mu.Unlock()
		handler(rw, r)
	})))
	t.Cleanup(w.api.Close)
	w.file, w.tokens = filepath.Join(t.TempDir(), "bearer.yaml"), filepath.Join(t.TempDir(), "callers")
	w.write(file)
	put(t, w.tokens, "tests "+callerToken+"\n")
	logger := slog.New(slog.NewTextHandler(w.log, nil))
	callers, err := OpenCallers(w.tokens, logger)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Callers: callers, Logger: logger}
	c.Open = func(hooks *bearer.Hooks, maxReplay int64, keep *config.Set) (*config.Set, error) {
		return (&config.Loader{Hooks: hooks, MaxReplayBytes: maxReplay, Keep: keep, Logger: logger}).Load(w.file)
	}
	for _, set := range change {
		set(&c)
	}
	if w.proxy, err = New(c); err != nil {
		t.Fatal(err)
	}
	return w
}

// listen begins to serve on a port of its own.
func (w *world) listen(drain time.Duration) {
	w.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	w.url = w.proxy.Origin(l.Addr())
	w.serve(l, drain)
}

// serve serves l until the test ends.
func (w *world) serve(l net.Listener, drain time.Duration) {
	ctx, stop := context.WithCancel(context.Background())
	w.stop, w.ended = stop, make(chan struct{})
	go func() { // ends when the test does
		defer close(w.ended)
		w.served = w.proxy.Serve(ctx, l, drain)
	}()
	w.Cleanup(func() {
		stop()
		w.api.CloseClientConnections()
		<-w.ended
	})
}

func (w *world) write(file string) {
	w.Helper()
	put(w.T, w.file, strings.NewReplacer("AUTH", w.URL, "API", w.api.URL).Replace(file))
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// arrived returns the requests that the API let through.
func (w *world) arrived() []*http.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// An answer is what came back, with its body.
type answer struct {
	*http.Response
	body string
}

// send sends a request to the proxy, with the caller's token unless header has
// something in its place. A redirect is not followed.
func (w *world) send(method, path, body string, header ...string) answer {
	w.Helper()
	req, err := http.NewRequest(method, w.url, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	if err := setPath(req, path); err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+callerToken)
	for i := 0; i < len(header); i += 2 {
		switch name, value := header[i], header[i+1]; {
		case name == "Host":
			req.Host = value
		case value == "":
			req.Header.Del(name)
		default:
			req.Header.Add(name, value)
			if name == "Authorization" {
				req.Header.Set(name, value)
			}
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		w.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatalf("%s %s: %v", method, path, err)
	}
	if strings.Contains(string(text), secret) || path != "/-/link" && strings.Contains(string(text), callerToken) {
		w.Errorf("%s %s: got an answer with a secret: %s", method, path, text)
	}
	return answer{resp, string(text)}
}

// setPath makes the path and query of req exactly these: they are not cleaned.
func setPath(req *http.Request, path string) (err error) {
	u := req.URL
	u.RawPath, u.RawQuery, _ = strings.Cut(path, "?")
	u.Path, err = url.PathUnescape(u.RawPath)
	return err
}

// wants checks the status, and what the body contains.
func (w *world) wants(got answer, status int, contains string) {
	w.Helper()
	if got.StatusCode != status || !strings.Contains(got.body, contains) {
		w.Errorf("%s: got %s and %.500q, want %d and a body with %q", got.Request.URL, got.Status, got.body, status, contains)
	}
}

// A safeBuffer is written to by several goroutines.
type safeBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
