package proxy

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/bearer/bearertest"
)

// At its end the proxy accepts nothing more, and lets what is in flight end:
// over HTTP/1.1 and HTTP/2.
func TestDrain(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		answer := make(chan bool)
		began := make(chan bool)
		w := newWorld(t, bearertest.Config{}, oneClient, func(rw http.ResponseWriter, _ *http.Request) {
			began <- true
			<-answer
			io.WriteString(rw, "whole")
		})
		client := w.client(http2)
		got := make(chan string)
		go func() { // ends with the request
			resp, err := client.Do(w.request(context.Background(), "GET", "/", nil))
			if err != nil {
				got <- err.Error()
				return
			}
			defer resp.Body.Close()
			text, _ := io.ReadAll(resp.Body)
			got <- resp.Status + " " + string(text)
		}()
		<-began
		w.stop()
		w.eventually("end of listening", func() bool {
			c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
			if err == nil {
				c.Close()
			}
			return err != nil
		})
		answer <- true
		if text := <-got; text != "200 OK whole" {
			t.Errorf("http2=%v: got %q, want the whole answer", http2, text)
		}
		if <-w.ended; w.served != nil {
			t.Errorf("http2=%v: Serve returned %v, want nil", http2, w.served)
		}
	}
}

// What does not end is cut off in time, and the caller sees no answer rather
// than a false one; a connection that was upgraded too.
func TestDrainCutsOff(t *testing.T) {
	for _, upgraded := range []bool{false, true} {
		began := make(chan bool)
		w := makeWorld(t, bearertest.Config{}, oneClient, func(rw http.ResponseWriter, r *http.Request) {
			if upgraded {
				conn, _, err := http.NewResponseController(rw).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
				close(began)
				io.Copy(io.Discard, conn)
				return
			}
			close(began)
			<-r.Context().Done()
		})
		w.listen(10 * time.Millisecond)
		got := make(chan error)
		go func() { // ends with the request
			req := w.request(context.Background(), "GET", "/", nil)
			if upgraded {
				req.Header.Set("Connection", "Upgrade")
				req.Header.Set("Upgrade", "websocket")
			}
			resp, err := w.client(false).Do(req)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				if upgraded && err == nil {
					err = io.EOF
				}
			}
			got <- err
		}()
		<-began
		w.stop()
		if <-w.ended; !errors.Is(w.served, ErrCutOff) {
			t.Errorf("upgraded=%v: Serve returned %v, want ErrCutOff", upgraded, w.served)
		}
		if err := <-got; err == nil {
			t.Errorf("upgraded=%v: the caller got an answer, want an error", upgraded)
		}
	}
}

// A socket is this user's alone, and its callers need no token. The socket of a
// program that has ended is replaced; one in use is not, and no other file.
func TestSocket(t *testing.T) {
	w := makeWorld(t, bearertest.Config{}, oneClient, nil)
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	stale, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()
	l, err := ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("got %v (%v), want mode 0600", info.Mode(), err)
	}
	if _, err := ListenSocket(path); err == nil || !strings.Contains(err.Error(), "is in use") {
		t.Errorf("a socket in use: got %v", err)
	}
	file := filepath.Join(dir, "file")
	put(t, file, "")
	if _, err := ListenSocket(file); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file: got %v", err)
	}
	w.serve(l, time.Minute)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	defer transport.CloseIdleConnections()
	for origin, want := range map[string]int{"": 200, "https://evil.test": 403} {
		req, err := http.NewRequest("GET", "http://any.name/daily", nil)
		if err != nil {
			t.Fatal(err)
		}
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("from %q: got %s, want %d", origin, resp.Status, want)
		}
	}
	l.Close()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v (%v), want no socket and nothing else that it needed", entries, err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want no socket after its end", err)
	}
}
