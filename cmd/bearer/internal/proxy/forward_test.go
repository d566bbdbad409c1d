package proxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"example.com/bearer/bearertest"
)

func echoLength(rw http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	fmt.Fprint(rw, n)
}

// client is a client of the proxy over that protocol.
func (w *world) client(http2 bool) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if http2 {
		t.Protocols = new(http.Protocols)
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	w.Cleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t}
}

// request makes a request to the proxy, with the caller's token.
func (w *world) request(ctx context.Context, method, path string, body io.Reader) *http.Request {
	w.Helper()
	req, err := http.NewRequestWithContext(ctx, method, w.url+path, body)
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+callerToken)
	return req
}

// A stream goes both ways at once, and has trailers in both directions, over
// HTTP/1.1 and HTTP/2; those of the caller do not include its token.
func TestStreamBothWays(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("http2=%v", http2), func(t *testing.T) {
			trailers := make(chan http.Header, 1)
			// Protect would hide the trailers.
			api := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer at-") {
					t.Errorf("the API got the Authorization %q", r.Header.Get("Authorization"))
				}
				out := http.NewResponseController(rw)
				if err := out.EnableFullDuplex(); err != nil {
					t.Error(err)
				}
				rw.Header().Set("Trailer", "X-Sum")
				buffer := make([]byte, 100)
				n := 0
				for {
					k, err := r.Body.Read(buffer)
					n += k
					rw.Write(buffer[:k])
					out.Flush()
					if err != nil {
						break
					}
				}
				rw.Header().Set("X-Sum", fmt.Sprint(n))
				rw.Header().Set(http.TrailerPrefix+"X-Late", "yes")
				trailers <- r.Trailer
			}))
			defer api.Close()
			w := newWorld(t, bearertest.Config{}, strings.Replace(oneClient, "API", api.URL, 1), nil)
			body, writer := io.Pipe()
			req := w.request(t.Context(), "POST", "/", body)
			req.Trailer = http.Header{"X-End": nil, header: nil}
			answered := make(chan *http.Response, 1)
			go func() { // ends with the request
				resp, err := w.client(http2).Do(req)
				if err != nil {
					t.Error(err)
				}
				answered <- resp
			}()
			io.WriteString(writer, "one")
			resp := <-answered
			if resp == nil {
				return
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("got %s, want the stream", resp.Status)
			}
			read := make([]byte, 3)
			if _, err := io.ReadFull(resp.Body, read); err != nil || string(read) != "one" {
				t.Fatalf("got %q (%v), want what was sent, before the request has ended", read, err)
			}
			io.WriteString(writer, "two")
			req.Trailer.Set("X-End", "end")
			req.Trailer.Set(header, callerToken)
			writer.Close()
			rest, err := io.ReadAll(resp.Body)
			if err != nil || string(rest) != "two" {
				t.Errorf("got %q (%v), want the rest", rest, err)
			}
			if got := resp.Trailer; got.Get("X-Sum") != "6" || got.Get("X-Late") != "yes" {
				t.Errorf("got the trailers %v, want X-Sum and X-Late", got)
			}
			if got := <-trailers; got.Get("X-End") != "end" || got.Get(header) != "" {
				t.Errorf("the API got the trailers %v, want X-End alone", got)
			}
		})
	}
}

// Server-sent events arrive when they are sent, and a connection outlives the
// refresh and the revocation of the token that began it.
func TestEventsSurviveARefresh(t *testing.T) {
	send := make(chan string)
	w := newWorld(t, bearertest.Config{}, oneClient, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/events" {
			return
		}
		rw.Header().Set("Content-Type", "text/event-stream")
		rw.(http.Flusher).Flush()
		for text := range send {
			fmt.Fprintf(rw, "data: %s\n\n", text)
			rw.(http.Flusher).Flush()
		}
	})
	resp, err := w.client(false).Do(w.request(t.Context(), "GET", "/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("got %s, want the events", resp.Status)
	}
	for _, text := range []string{"before", "after"} {
		send <- text
		want := "data: " + text + "\n\n"
		got := make([]byte, len(want))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != want {
			t.Fatalf("got %q (%v), want %q", got, err, want)
		}
		w.renewed()
	}
	close(send)
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
		t.Errorf("got %q (%v), want the end", rest, err)
	}
}

// renewed revokes the token in use, and sees that another request gets through
// with a new one.
func (w *world) renewed() {
	w.Helper()
	before := w.Counts().Issued
	w.RevokeAll()
	w.wants(w.send("GET", "/", ""), 200, "")
	if w.Counts().Issued == before {
		w.Error("got no new token, want one")
	}
}

// So does a WebSocket.
func TestWebSocketSurvivesARefresh(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, oneClient, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/socket" {
			return
		}
		c, err := websocket.Accept(rw, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow()
		for {
			kind, text, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), kind, text); err != nil {
				return
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dial := func() *websocket.Conn {
		c, _, err := websocket.Dial(ctx, w.url+"/socket", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + callerToken}}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	w.send("GET", "/", "")
	w.RevokeAll()
	c := dial() // its handshake is rejected at first, and replayed
	defer c.CloseNow()
	for _, text := range []string{"before", "after"} {
		if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(ctx); err != nil || string(got) != text {
			t.Fatalf("got %q (%v), want %q", got, err, text)
		}
		w.renewed()
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	w.wants(w.send("GET", "/-/metrics", ""), 200, `bearer_proxy_requests_total{caller="tests",client="reports",code="101"} 1`)
}

// Another protocol than WebSocket would carry what passes none of our checks.
func TestOtherUpgradesAreNotForwarded(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, oneClient, nil)
	w.wants(w.send("GET", "/", "", "Connection", "Upgrade, HTTP2-Settings", "Upgrade", "h2c", "HTTP2-Settings", "AAMAAABkAAQAAP__"), 200, "/v1/")
	for _, r := range w.arrived() {
		if r.Header.Get("Upgrade") != "" || r.Header.Get("Http2-Settings") != "" || strings.Contains(r.Header.Get("Connection"), "Upgrade") {
			t.Errorf("the API got %v, want no upgrade", r.Header)
		}
	}
}

// The API learns nothing of this machine, and gets its own name as Host.
func TestWhatTheAPISees(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, oneClient, nil)
	w.send("GET", "/", "", "X-Forwarded-For", "1.2.3.4", "Forwarded", "for=1.2.3.4", "User-Agent", "mine", "X-Other", "kept")
	r := w.arrived()[0]
	if r.Host != strings.TrimPrefix(w.api.URL, "http://") || r.Header.Get("User-Agent") != "mine" || r.Header.Get("X-Other") != "kept" {
		t.Errorf("the API got the host %q and %v", r.Host, r.Header)
	}
	for name := range r.Header {
		if strings.Contains(name, "Forwarded") {
			t.Errorf("the API got %s: %v", name, r.Header[name])
		}
	}
}

// An answer comes as the caller asked for it: not compressed for the proxy
// alone, by which an API may hold up a stream, and which hides how long it is.
func TestEncodings(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, oneClient, nil)
	for i, test := range []struct {
		header []string
		want   string
	}{
		{nil, "identity"},
		{[]string{"Accept-Encoding: br"}, "br"},
		{[]string{"Accept-Encoding: gzip"}, "gzip"},
	} {
		w.raw("GET /daily", test.header...)
		if got := w.arrived()[i].Header.Get("Accept-Encoding"); got != test.want {
			t.Errorf("%q: the API got the Accept-Encoding %q, want %q", test.header, got, test.want)
		}
	}
}
