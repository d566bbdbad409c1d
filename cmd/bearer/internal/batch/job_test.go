package batch

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

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
	var first time.Time // one worker: no race
	spent := func(rw http.ResponseWriter, r *http.Request) {
		if first.IsZero() {
			first = time.Now()
		}
		if left := time.Hour - time.Since(first); left > 0 {
			rw.Header().Set("Retry-After", strconv.Itoa(int(left/time.Second)))
			rw.WriteHeader(http.StatusTooManyRequests)
		}
	}
	inWorld(t, bearertest.Config{}, spent, func(w *world) {
		if got := w.run("/a", func(j *Job) { j.Retries = 1 }); got[0].Status != 200 {
			w.Errorf("got %+v, want 200 once the hour's quota is new", got[0])
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

// A line that is not UTF-8 would be sent with other bytes than it has.
func TestLinesThatAreNotUTF8(t *testing.T) {
	inWorld(t, bearertest.Config{}, ok, func(w *world) {
		got := w.run("{\"url\": \"/a\", \"body\": \"\xe9\"}\n{\"url\":\"/b\",\"id\":\"\xff\"}\n/c\xe9\n", nil)
		for i, want := range []string{"UTF-8", "UTF-8", ""} {
			if got[i].Error != want && !strings.Contains(got[i].Error, want) || want == "" && got[i].Error != "" {
				t.Errorf("line %d: got the error %q, want %q", i+1, got[i].Error, want)
			}
		}
		if w.requests() != 1 {
			t.Errorf("the API got %v, want the last line alone", w.sent)
		}
	})
}
