package batch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer/bearertest"
	"example.com/bearer/cmd/bearer/internal/target"
	"example.com/bearer/config"
)

// A world is an authorization server, an API and a declared client of both, in
// memory, in a bubble with its own time.
type world struct {
	*testing.T
	network *bearertest.Network
	auth    *bearertest.Server
	out     string // the path of the output

	mu   sync.Mutex // guards sent
	sent []string   // what reached the API, as "METHOD path"
}

// inWorld runs test in a world whose API answers with api.
func inWorld(t *testing.T, cfg bearertest.Config, api http.HandlerFunc, test func(*world)) {
	synctest.Test(t, func(t *testing.T) {
		cfg.Network = new(bearertest.Network)
		w := &world{T: t, network: cfg.Network, auth: bearertest.Start(t, cfg), out: filepath.Join(t.TempDir(), "out.ndjson")}
		cfg.Network.Handle("api.test", w.auth.Protect(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.mu.Lock()
			w.sent = append(w.sent, r.Method+" "+r.URL.Path)
			w.mu.Unlock()
			api(rw, r)
		})))
		test(w)
	})
}

// job returns a job of the client that writes to output, as another process has
// it: without the token of earlier ones.
func (w *world) job(output *Output) *Job {
	w.Helper()
	loader := config.Loader{Base: w.network}
	set, err := loader.Parse([]byte(strings.ReplaceAll(`
clients:
  app:
    token_url: AUTH/token
    client_id: client
    client_secret: secret
    base_url: https://api.test/v1
`, "AUTH", w.auth.URL)))
	if err != nil {
		w.Fatal(err)
	}
	transport, err := set.Transport("app")
	if err != nil {
		w.Fatal(err)
	}
	cache, err := set.Cache("app")
	if err != nil {
		w.Fatal(err)
	}
	where, err := target.Of(w.Context(), set, "app")
	if err != nil {
		w.Fatal(err)
	}
	return &Job{
		Transport: transport, Cache: cache, Target: where, Output: output,
		Concurrency: 4, Retries: 5, Timeout: time.Minute,
	}
}

// open opens the output.
func (w *world) open(resume bool) *Output {
	w.Helper()
	o, err := Open(w.out, resume)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { o.Close() })
	return o
}

// run runs a list, with a change to the job, and returns its results by line.
func (w *world) run(list string, change func(*Job)) []Result {
	w.Helper()
	var out bytes.Buffer
	j := w.job(NewOutput(&out))
	if change != nil {
		change(j)
	}
	if err := j.Run(w.Context(), strings.NewReader(list)); err != nil {
		w.Fatalf("got the error %v, want none", err)
	}
	return results(w.T, &out)
}

// results reads an output, sorted by line.
func results(t *testing.T, r io.Reader) (all []Result) {
	t.Helper()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var one Result
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			t.Fatalf("%v in %q", err, lines.Text())
		}
		all = append(all, one)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	sort.Slice(all, func(i, k int) bool { return all[i].Line < all[k].Line })
	return all
}

// written returns the results in the file.
func (w *world) written() []Result {
	w.Helper()
	f, err := os.Open(w.out)
	if err != nil {
		w.Fatal(err)
	}
	defer f.Close()
	return results(w.T, f)
}

// requests returns how many requests reached the API.
func (w *world) requests() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.sent)
}

// list returns a list of n paths.
func list(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "/item/%d\n", i)
	}
	return b.String()
}

func ok(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "ok") }
