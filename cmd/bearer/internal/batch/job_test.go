package batch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
	"example.com/bearer/bearertest"
)

// Every kind of line has a result, and a list does not decide where a token
// goes.
func TestLines(t *testing.T) {
	echo := func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rw.Header().Set("X-Id", r.Header.Get("X-Id"))
		rw.Header().Set("Content-Type", "text/plain")
		io.WriteString(rw, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Content-Type")+" "+string(body))
	}
	inWorld(t, bearertest.Config{}, echo, func(w *world) {
		got := w.run("\ufeff/a\r\n"+
			"# a comment\n"+
			"\n"+
			"  https://api.test/v1/b?x=1  \n"+
			`{"url": "c", "id": {"n": [1]}, "method": "DELETE", "headers": {"X-Id": "7"}}`+"\n"+
			`{"url": "d", "body": {"n": 1}}`+"\n"+
			`{"url": "e", "body": "n=1", "headers": {"Content-Type": ["text/x"]}}`+"\n"+
			`{"url": "f", "method": "PUT", "body_base64": "bj0y"}`+"\n"+
			"https://evil.test/\n"+
			"/../admin\n"+
			`{"url": "/g", "header": {"a": "b"}}`+"\n"+
			`{"url": "/h", "headers": {"authorization": "Bearer canary"}}`+"\n"+
			`{"url": "/i", "headers": {"Host": "evil.test"}}`+"\n"+
			`{"url": "/j", "method": "get"}`+"\n"+
			`{"url": "/k" "canary"}`+"\n"+
			`{"url": "/l", "headers": {"X-Key": "canary\n"}}`+"\n"+
			`{"url": "/m"} {"url": "/n"}`+"\n"+
			strings.Repeat("x", maxLine+1)+"\n"+
			"/last", func(j *Job) { j.Headers = []string{"X-Id", "X-None"} })
		want := []struct {
			line        int64
			status      int
			body, error string
		}{
			{1, 200, `"GET /v1/a  "`, ""},
			{4, 200, `"GET /v1/b?x=1  "`, ""},
			{5, 200, `"DELETE /v1/c  "`, ""},
			{6, 200, `"POST /v1/d application/json {\"n\": 1}"`, ""},
			{7, 200, `"POST /v1/e text/x n=1"`, ""},
			{8, 200, `"PUT /v1/f  n=2"`, ""},
			{9, 0, "", "https://evil.test is not where app is"},
			{10, 0, "", "has a segment . or .."},
			{11, 0, "", `there is no key "header": the keys are id, method`},
			{12, 0, "", "the header authorization is for the client's token"},
			{13, 0, "", "the header Host would lead the token to another site"},
			{14, 0, "", `"get" is not a method`},
			{15, 0, "", "the line is not a JSON object: the fault is at byte 14"},
			{16, 0, "", "the value of the header X-Key has a character"},
			{17, 0, "", "more than one JSON object"},
			{18, 0, "", "the line is longer than 1048576 bytes"},
			{19, 200, `"GET /v1/last  "`, ""},
		}
		if len(got) != len(want) {
			w.Fatalf("got %d results, want %d: %+v", len(got), len(want), got)
		}
		for i, row := range want {
			r := got[i]
			if r.Line != row.line || r.Status != row.status || string(r.Body) != row.body || !strings.Contains(r.Error, row.error) || (r.Error == "") != (row.error == "") {
				w.Errorf("got line %d, status %d, body %s, error %q; want %+v", r.Line, r.Status, r.Body, r.Error, row)
			}
			if strings.Contains(r.Error, "canary") {
				w.Errorf("line %d: the error %q shows a value that may be secret", r.Line, r.Error)
			}
		}
		if r := got[2]; string(r.ID) != `{"n":[1]}` || len(r.Headers) != 1 || r.Headers["X-Id"] != "7" || r.Method != "DELETE" || r.URL != "https://api.test/v1/c" {
			w.Errorf("got %+v, want its id, its method, its URL and the header X-Id", r)
		}
	})
}

// The API's 429 and 503 are retried when it says so, whatever the method, and
// the other requests wait too.
func TestTheAPIIsAskedAgainWhenItSays(t *testing.T) {
	var refusals int // one worker: no race
	busy := func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/busy" && refusals < 3 {
			refusals++
			rw.Header().Set("Retry-After", "60")
			rw.WriteHeader([]int{429, 503, 429}[refusals-1])
			return
		}
		ok(rw, r)
	}
	inWorld(t, bearertest.Config{}, busy, func(w *world) {
		began := time.Now()
		got := w.run(`{"url": "busy", "method": "POST"}`, nil)
		if took := time.Since(began); len(got) != 1 || got[0].Status != 200 || got[0].Attempts != 4 || took < 3*time.Minute || took > 4*time.Minute {
			w.Errorf("got %+v after %v, want 200 at the fourth attempt, after 3 minutes", got, took)
		}
	})
	always := func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/item/0" {
			rw.Header().Set("Retry-After", "60")
			rw.WriteHeader(http.StatusTooManyRequests)
		}
	}
	inWorld(t, bearertest.Config{}, always, func(w *world) {
		began := time.Now()
		got := w.run(list(2), func(j *Job) { j.Concurrency, j.Retries = 1, 0 })
		if took := time.Since(began); len(got) != 2 || got[0].Status != 429 || got[1].Status != 200 || took < time.Minute {
			w.Errorf("got %+v after %v, want 429 and a second request that waited for a minute", got, took)
		}
	})
}

// A connection that breaks, also in the middle of a body, is tried again only if
// the request may be processed twice; one that was refused is in any case.
func TestNetworkErrors(t *testing.T) {
	for name, row := range map[string]struct {
		fault    bearertest.Fault
		line     string
		attempts int
		status   int
	}{
		"GET, dropped":             {bearertest.Fault{Drop: true}, "/a", 2, 200},
		"GET, broken body":         {bearertest.Fault{Drop: true, Truncate: true, Processed: true}, "/a", 2, 200},
		"GET, 502":                 {bearertest.Fault{Status: 502}, "/a", 2, 200},
		"GET, 500":                 {bearertest.Fault{Status: 500}, "/a", 1, 500},
		"GET, no answer in time":   {bearertest.Fault{Delay: time.Hour}, "/a", 2, 200},
		"POST, dropped":            {bearertest.Fault{Drop: true}, `{"url": "/a", "body": "x"}`, 1, 0},
		"POST, 502":                {bearertest.Fault{Status: 502}, `{"url": "/a", "body": "x"}`, 1, 502},
		"POST with a key, dropped": {bearertest.Fault{Drop: true}, `{"url": "/a", "body": "x", "headers": {"idempotency-key": "1"}}`, 2, 200},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, bearertest.Config{}, ok, func(w *world) {
				w.auth.Fault(bearertest.APIEndpoint, row.fault)
				got := w.run(row.line, nil)
				if len(got) != 1 || got[0].Status != row.status || got[0].Attempts != row.attempts || (got[0].Error == "") != (row.status != 0) {
					w.Errorf("got %+v, want status %d after %d attempts", got, row.status, row.attempts)
				}
			})
		})
	}
	inWorld(t, bearertest.Config{}, ok, func(w *world) {
		w.network.Handle("api.test", nil)
		got := w.run(`{"url": "/a", "method": "POST"}`, func(j *Job) { j.Retries = 2 })
		if len(got) != 1 || got[0].Attempts != 3 || !strings.Contains(got[0].Error, "refused") {
			w.Errorf("got %+v, want three attempts at a connection that is refused", got)
		}
	})
}

// A login that is dead ends the batch at once. Requests whose token was rejected
// have no result: the next run sends them again.
func TestADeadLoginEndsTheBatch(t *testing.T) {
	inWorld(t, bearertest.Config{}, ok, func(w *world) {
		output := w.open(false)
		j := w.job(output)
		j.Concurrency = 1
		input, lines := io.Pipe()
		go func() { // ends when the batch has read its last line, or the test closes the pipe
			io.WriteString(lines, list(3))
			synctest.Wait()
			w.auth.RevokeAll()
			w.auth.Fault(bearertest.TokenEndpoint, bearertest.Fault{
				Times: -1, Status: 401, Body: `{"error":"invalid_client"}`,
				Header: http.Header{"Content-Type": {"application/json"}},
			})
			io.WriteString(lines, strings.Repeat(list(9), 100))
			lines.Close()
		}()
		err := j.Run(w.Context(), input)
		input.Close()
		if failed, ok := errors.AsType[*bearer.TokenError](err); !ok || failed.Temporary() {
			w.Fatalf("got the error %v, want one of a token that cannot be had", err)
		}
		if got := w.written(); len(got) != 3 || got[2].Status != 200 {
			w.Errorf("got %d results, want those of before", len(got))
		}
		if err := output.Close(); err != nil {
			w.Fatal(err)
		}
		w.auth.ClearFaults()
		again := w.job(w.open(true))
		if err := again.Run(w.Context(), strings.NewReader(list(3)+strings.Repeat(list(9), 100))); err != nil {
			w.Fatal(err)
		}
		if got := w.written(); len(got) != 903 || got[902].Line != 903 {
			w.Errorf("after another run: got %d results, want 903", len(got))
		}
	})
}

// An API that is down, or that takes no token of this client, ends the batch.
func TestFutileRequestsEndTheBatch(t *testing.T) {
	inWorld(t, bearertest.Config{}, func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "0") { // a streak has no others in it
			return
		}
		rw.WriteHeader(http.StatusUnauthorized)
	}, func(w *world) {
		if got := w.run(list(200), nil); len(got) != 200 {
			w.Errorf("with a good answer now and then: got %d results, want 200", len(got))
		}
	})
	for name, row := range map[string]struct {
		down bool
		want string
	}{
		"down":     {true, "50 requests in a row had no answer"},
		"rejected": {false, "answered 401 to 50 requests in a row"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, bearertest.Config{}, func(rw http.ResponseWriter, _ *http.Request) {
				rw.WriteHeader(http.StatusUnauthorized)
			}, func(w *world) {
				if row.down {
					w.network.Handle("api.test", nil)
				}
				j := w.job(w.open(false))
				err := j.Run(w.Context(), strings.NewReader(strings.Repeat("//refused\n", 100)+list(1000)))
				if err == nil || !strings.Contains(err.Error(), row.want) {
					w.Errorf("got the error %v, want one with %q", err, row.want)
				}
				if got := len(w.written()); got < 150 || got > 154 {
					w.Errorf("got %d results, want those that were refused, 50, and those in flight", got)
				}
			})
		})
	}
}

// An outage of the authorization server is waited for.
func TestAnOutageOfTheAuthorizationServer(t *testing.T) {
	inWorld(t, bearertest.Config{TokenLifetime: 10 * time.Minute}, ok, func(w *world) {
		w.auth.Fault(bearertest.TokenEndpoint, bearertest.Fault{For: time.Minute, Status: 500})
		if got := w.run(list(20), nil); len(got) != 20 || got[19].Status != 200 {
			w.Errorf("got %d results, the last %+v; want 20 with status 200", len(got), got[len(got)-1])
		}
	})
}

// Ctrl-C: what is in flight may end, and has a result if it does in time; the
// next run sends the rest.
func TestInterruption(t *testing.T) {
	slow := func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/item/4":
			time.Sleep(2 * time.Second)
		case "/v1/item/5":
			select {
			case <-time.After(time.Hour):
			case <-r.Context().Done():
			}
		case "/v1/item/6":
			rw.WriteHeader(http.StatusTooManyRequests)
			return
		}
		ok(rw, r)
	}
	inWorld(t, bearertest.Config{}, slow, func(w *world) {
		output := w.open(false)
		j := w.job(output)
		ctx, cancel := context.WithCancel(w.Context())
		time.AfterFunc(time.Second, cancel)
		input, lines := io.Pipe() // stays open, as a terminal does
		go io.WriteString(lines, list(7))
		began := time.Now()
		err := j.Run(ctx, input)
		input.Close()
		if took := time.Since(began); !errors.Is(err, context.Canceled) || took > time.Second+lastMoment {
			w.Errorf("got the error %v after %v, want that of the context after %v at most", err, took, time.Second+lastMoment)
		}
		got := w.written()
		if len(got) != 5 || got[4].Line != 5 || got[4].Status != 200 {
			w.Errorf("got %d results, the last %+v; want the five that ended in time", len(got), got[len(got)-1])
		}
	})
}

// A request whose next attempt would be after Ctrl-C has no result, and nothing
// waits for it.
func TestInterruptionBetweenAttempts(t *testing.T) {
	inWorld(t, bearertest.Config{}, func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusServiceUnavailable)
	}, func(w *world) {
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		j, began := w.job(w.open(false)), time.Now()
		err := j.Run(ctx, strings.NewReader(list(1)))
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took >= time.Second+lastMoment {
			w.Errorf("got the error %v after %v, want that of the context before the last moment is over", err, took)
		}
		if got := w.written(); len(got) != 0 {
			w.Errorf("got the result %+v, want none", got)
		}
	})
}

func TestRedirects(t *testing.T) {
	inWorld(t, bearertest.Config{}, func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "https://files.test/f", http.StatusFound)
	}, func(w *world) {
		foreign := new(bearertest.Recorder)
		w.network.Handle("files.test", foreign)
		if got := w.run("/a", func(j *Job) { j.Headers = []string{"Location"} }); got[0].Status != 302 || got[0].Headers["Location"] != "https://files.test/f" {
			w.Errorf("got %+v, want the redirect", got)
		}
		if got := w.run("/a", func(j *Job) { j.Follow = true }); got[0].Status != 200 || string(got[0].Body) != "{}" {
			w.Errorf("got %+v, want what it leads to", got)
		}
		if sent := foreign.Authorizations(); len(sent) != 0 {
			w.Errorf("the other host got %q, want no token", sent)
		}
	})
}

// What cannot be written ends the batch, and nothing follows half a line.
func TestAFullDiskEndsTheBatch(t *testing.T) {
	uneven := func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "7") {
			time.Sleep(time.Second) // in flight when the disk is full
		}
		ok(rw, r)
	}
	inWorld(t, bearertest.Config{}, uneven, func(w *world) {
		full := &fullDisk{left: 1000}
		j := w.job(NewOutput(full))
		err := j.Run(w.Context(), strings.NewReader(list(1000)))
		if !errors.Is(err, errFull) {
			w.Errorf("got the error %v, want that of the disk", err)
		}
		if whole := bytes.Count(full.Bytes(), []byte("\n")); full.Len() != 1000 || w.requests() > whole+4 {
			w.Errorf("got %d bytes and %d requests for %d results; want 1000 bytes, and no request but those in flight", full.Len(), w.requests(), whole)
		}
	})
}

var errFull = errors.New("disk full")

type fullDisk struct {
	bytes.Buffer
	left int
}

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) <= d.left {
		d.left -= len(p)
		return d.Buffer.Write(p)
	}
	n, _ := d.Buffer.Write(p[:d.left])
	d.left = 1 << 20 // somebody makes room
	return n, errFull
}
