package batch

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
)

func (w *world) resume(list string) error {
	w.Helper()
	o, err := Open(w.out, true)
	if err != nil {
		return err
	}
	defer o.Close()
	return w.job(o).Run(w.Context(), strings.NewReader(list))
}

// The next run sends what has no result, and nothing else. A line that a kill
// has torn is cut off, wherever it was torn.
func TestResume(t *testing.T) {
	inWorld(t, bearertest.Config{}, ok, func(w *world) {
		if err := w.resume(list(10)); err != nil { // there is no file yet
			w.Fatal(err)
		}
		whole, err := os.ReadFile(w.out)
		if err != nil {
			w.Fatal(err)
		}
		if err := w.resume(list(10)); err != nil || w.requests() != 10 {
			w.Errorf("resumed without need: got %d requests and the error %v, want none but the first 10", w.requests()-10, err)
		}
		for cut := 0; cut < len(whole); cut += 13 { // a line has some 150 bytes
			torn := whole[:len(whole)-cut]
			left := bytes.Count(torn, []byte("\n"))
			if err := os.WriteFile(w.out, torn, 0o600); err != nil {
				w.Fatal(err)
			}
			before := w.requests()
			if err := w.resume(list(12)); err != nil {
				w.Fatalf("%d bytes cut off: %v", cut, err)
			}
			got := w.written()
			if len(got) != 12 || w.requests()-before != 12-left {
				w.Fatalf("%d bytes cut off: got %d results by %d requests, want 12 by %d", cut, len(got), w.requests()-before, 12-left)
			}
			for i, r := range got {
				if r.Line != int64(i)+1 || r.Status != http.StatusOK {
					w.Fatalf("%d bytes cut off: result %d is %+v, want line %d with status 200", cut, i, r, i+1)
				}
			}
		}
	})
}

// Results of earlier runs count, also the failed ones, which are not sent again.
func TestEarlierResultsCount(t *testing.T) {
	odd := func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "1") {
			http.Error(rw, "no", http.StatusNotFound)
		}
	}
	inWorld(t, bearertest.Config{}, odd, func(w *world) {
		if err := w.resume(list(12) + "https://evil.test/\n"); err != nil {
			w.Fatal(err)
		}
		o := w.open(true)
		before := o.Before()
		if before.OK != 10 || before.Failed != 3 || before.Failures() != "2 with 404, 1 without an answer, or not sent" {
			w.Errorf("got %+v (%s), want 10 that succeeded and 3 that failed", before, before.Failures())
		}
	})
}

func TestOutputsThatCannotBeResumed(t *testing.T) {
	inWorld(t, bearertest.Config{}, ok, func(w *world) {
		if err := w.resume(list(3)); err != nil {
			w.Fatal(err)
		}
		whole, err := os.ReadFile(w.out)
		if err != nil {
			w.Fatal(err)
		}
		first, _, _ := bytes.Cut(whole, []byte("\n"))
		sent := w.requests()
		for name, row := range map[string]struct{ content, list, want string }{
			"another list":  {string(whole), "/other\n" + list(3), "is not the one that the output has a result of"},
			"a shorter one": {string(whole), list(2), "has results of 1 lines that the list does not have"},
			"another file":  {"# notes\n", list(3), "line 1 is not a result of bearer batch"},
			"no line":       {"{}\n", list(3), "line 1 is not a result"},
			"no hash":       {`{"line": 1, "hash": "x"}` + "\n", list(3), "line 1 is not a result"},
			"twice":         {string(whole) + string(first) + "\n", list(3), "line 4 is a second result of line"},
			"blank line":    {string(whole) + "\n", list(3), "line 4 is not a result"},
		} {
			if err := os.WriteFile(w.out, []byte(row.content), 0o600); err != nil {
				w.Fatal(err)
			}
			if err := w.resume(row.list); err == nil || !strings.Contains(err.Error(), row.want) {
				w.Errorf("%s: got the error %v, want one with %q", name, err, row.want)
			}
			if now, err := os.ReadFile(w.out); err != nil || string(now) != row.content {
				w.Errorf("%s: got a changed file (%v), want it as it was", name, err)
			}
		}
		if got := w.requests() - sent; got != 0 {
			w.Errorf("got %d requests, want none", got)
		}
	})
}

func TestAnOutputIsNotOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, false); err == nil || !strings.Contains(err.Error(), "--resume") {
		t.Errorf("got the error %v, want one that names --resume", err)
	}
	if _, err := Open(t.TempDir(), true); err == nil {
		t.Error("a folder: got no error, want one")
	}
	if _, err := Open(os.DevNull, true); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a device: got the error %v, want one", err)
	}
}

// A file is the output of one process at a time. (The lock is the open file's,
// so a second one of this process will do.)
func TestTheOutputIsLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	o, err := Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, true); !errors.Is(err, errLocked) {
		t.Errorf("got the error %v, want %v", err, errLocked)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o, err = Open(path, true)
	if err != nil {
		t.Fatalf("after it was closed: got the error %v, want none", err)
	}
	o.Close()
}

// Bodies are JSON, text, base64 or a file; a long one is no result.
func TestBodies(t *testing.T) {
	kinds := map[string][2]string{
		"json":    {"application/json; charset=utf-8", "{\n  \"a\": [1.0, \"<\"]\n}\n"},
		"problem": {"application/problem+json", `"x"`},
		"broken":  {"application/json", "{"},
		"text":    {"text/html", "<b>\u2028é\n"},
		"binary":  {"image/png", "\x89PNG\x00"},
		"nul":     {"text/plain", "a\x00b"},
		"empty":   {"application/json", ""},
		"long":    {"text/plain", strings.Repeat("x", maxBody+1)},
		"limit":   {"text/plain", strings.Repeat("x", maxBody)},
	}
	names := []string{"json", "problem", "broken", "text", "binary", "nul", "empty", "long", "limit"}
	serve := func(rw http.ResponseWriter, r *http.Request) {
		kind := kinds[strings.TrimPrefix(r.URL.Path, "/v1/")]
		rw.Header().Set("Content-Type", kind[0])
		io.WriteString(rw, kind[1])
	}
	inWorld(t, bearertest.Config{}, serve, func(w *world) {
		got := w.run(strings.Join(names, "\n"), nil)
		for i, want := range []string{`{"a":[1.0,"<"]}`, `"x"`, `"{"`, `"\u003cb\u003e\u2028é\n"`, "iVBORwA=", "YQBi", ""} {
			text := string(got[i].Body)
			if got[i].BodyBase64 != nil {
				text = base64.StdEncoding.EncodeToString(got[i].BodyBase64)
			}
			if text != want {
				w.Errorf("%s: got %q, want %q", names[i], text, want)
			}
		}
		if long := got[7]; long.Status != 200 || !strings.Contains(long.Error, "--bodies") || long.Attempts != 1 {
			w.Errorf("got %+v, want the status and an error that names --bodies, after one attempt", long)
		}
		if len(got[8].Body) != maxBody+2 || got[8].Error != "" {
			w.Errorf("a body of the greatest length: got %d bytes and the error %q, want all of it", len(got[8].Body)-2, got[8].Error)
		}

		folder := w.TempDir()
		got = w.run(strings.Join(names, "\n"), func(j *Job) { j.Bodies.Folder = folder })
		for i, name := range names {
			want := kinds[name][1]
			if want == "" {
				if got[i].BodyFile != "" {
					w.Errorf("%s: got the file %s, want none", name, got[i].BodyFile)
				}
				continue
			}
			body, err := os.ReadFile(got[i].BodyFile)
			if err != nil || string(body) != want || got[i].BodyFile != filepath.Join(folder, fmt.Sprint(i+1)) || got[i].Body != nil {
				w.Errorf("%s: got the file %q with %d bytes (%v), want %d bytes in the file of its line", name, got[i].BodyFile, len(body), err, len(want))
			}
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) != len(names)-1 {
			w.Errorf("got %d files in the folder (%v), want %d and no temporary ones", len(left), err, len(names)-1)
		}

		got = w.run(strings.Join(names, "\n"), func(j *Job) { j.Bodies.Drop = true })
		if long := got[7]; long.Status != 200 || long.Error != "" || long.Body != nil {
			w.Errorf("dropped bodies: got %+v, want the status alone", long)
		}

		j := w.job(NewOutput(io.Discard))
		j.Bodies.Folder = filepath.Join(folder, "absent")
		if err := j.Run(w.Context(), strings.NewReader("text")); !errors.Is(err, os.ErrNotExist) {
			w.Errorf("a folder that is not there: got the error %v, want that", err)
		}
	})
}

// A record finds its lines again, however far apart they are.
func TestRecord(t *testing.T) {
	var r record
	lines := []int64{1, 2, pageSize - 1, pageSize, pageSize + 1, 1 << 62}
	for _, n := range lines {
		if !r.add(n, uint64(n)<<32) || r.add(n, 7) {
			t.Fatalf("line %d: want it to be new once", n)
		}
	}
	for _, n := range lines {
		if done, same := r.has(n, uint64(n)<<32); !done || !same {
			t.Errorf("line %d: got %v, %v, want true, true", n, done, same)
		}
		if done, same := r.has(n, 9); !done || same {
			t.Errorf("line %d with another text: got %v, %v, want true, false", n, done, same)
		}
	}
	if done, _ := r.has(3, 0); done || r.n != len(lines) {
		t.Errorf("got line 3 done %v and %d lines, want false and %d", done, r.n, len(lines))
	}
}

func FuzzLines(f *testing.F) {
	for _, seed := range []string{"", "\n", "a\nb", "\r\n#x\r\n {} \n", "a\r\r\nb\n\n", "\ufeff\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := Count(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		in, last := newLines(bytes.NewReader(data)), int64(0)
		for range n {
			l, err := in.next()
			if err != nil || l.number <= last || len(l.text) == 0 && l.err == nil || bytes.Contains(l.text, []byte("\n")) {
				t.Fatalf("got %+v and the error %v after line %d", l, err, last)
			}
			last = l.number
		}
		if most := int64(bytes.Count(data, []byte("\n")) + 1); last > most {
			t.Errorf("got line %d, want %d at most", last, most)
		}
	})
}

// Whatever an API answers, the next run can read the output.
func TestAnyBodyCanBeResumed(t *testing.T) {
	bodies := map[string]string{
		"/v1/deep":  strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000),
		"/v1/two":   "1,2",
		"/v1/close": "1]",
		"/v1/blank": " \n ",
		"/v1/lines": "{\n\"a\":\n1}",
	}
	api := func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		io.WriteString(rw, bodies[r.URL.Path])
	}
	inWorld(t, bearertest.Config{}, api, func(w *world) {
		o := w.open(false)
		if err := w.job(o).Run(w.Context(), strings.NewReader("/deep\n/two\n/close\n/blank\n/lines\n")); err != nil {
			t.Fatal(err)
		}
		o.Close()
		if got := w.open(true).Before().OK; got != len(bodies) {
			t.Errorf("got %d results of the run before, want %d", got, len(bodies))
		}
	})
}
