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

// Ctrl-C ends the reading of a list too, also in a part of it that has nothing
// to send.
func TestInterruptionAmongFaultyLines(t *testing.T) {
	inWorld(t, bearertest.Config{}, ok, func(w *world) {
		ctx, cancel := context.WithCancel(w.Context())
		defer cancel()
		var out bytes.Buffer
		input := &faulty{then: cancel}
		if err := w.job(NewOutput(&out)).Run(ctx, input); !errors.Is(err, context.Canceled) {
			w.Errorf("got the error %v, want that of the context", err)
		}
		synctest.Wait()
		if input.reads > 2 {
			w.Errorf("got %d reads of the list, want none after Ctrl-C", input.reads)
		}
	})
}

// faulty is a list of lines that cannot be sent. Its second Read calls then.
type faulty struct {
	reads int
	then  func()
}

func (f *faulty) Read(b []byte) (int, error) {
	switch f.reads++; f.reads {
	case 2:
		f.then()
	case 10:
		return 0, io.EOF
	}
	return copy(b, "https://evil.test/\n"), nil
}
