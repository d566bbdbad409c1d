package bearertest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// countedBody counts calls of Close.
type countedBody struct {
	io.Reader
	closed atomic.Int32
}

func (b *countedBody) Close() error { b.closed.Add(1); return nil }

func (b *countedBody) want(t *testing.T) {
	t.Helper()
	synctest.Wait()
	if got := b.closed.Load(); got != 1 {
		t.Errorf("the request body was closed %d times, want once", got)
	}
}

// bubble runs a scenario with a network of one host, and a body to send.
func bubble(t *testing.T, h http.HandlerFunc, scenario func(t *testing.T, n *Network, req *http.Request, body *countedBody)) {
	synctest.Test(t, func(t *testing.T) {
		n := new(Network)
		n.Handle("api.test", h)
		body := &countedBody{Reader: strings.NewReader("hello")}
		req, err := http.NewRequestWithContext(t.Context(), "POST", "https://api.test/x?y=z", body)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = 5
		scenario(t, n, req, body)
	})
}

func TestNetworkExchange(t *testing.T) {
	bubble(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if string(b) != "hello" || r.Host != "api.test" || r.RequestURI != "/x?y=z" || r.URL.Host != "" || r.TLS == nil || r.ContentLength != 5 {
			t.Errorf("got request %+v with body %q", r, b)
		}
		r.Header.Set("Secret", "changed") // not the client's
		w.Header().Set("X", "y")
		w.WriteHeader(201)
		w.Header().Set("Late", "ignored")
		w.Write([]byte("answer"))
	}, func(t *testing.T, n *Network, req *http.Request, body *countedBody) {
		resp, err := n.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 201 || string(b) != "answer" || resp.Header.Get("X") != "y" || resp.Request != req {
			t.Errorf("got %+v with %q, %v", resp, b, err)
		}
		if resp.Header.Get("Late") != "" || req.Header.Get("Secret") != "" {
			t.Error("headers are shared between the two sides")
		}
		body.want(t)
	})
}

func TestNetworkStreams(t *testing.T) {
	bubble(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("a"))
		time.Sleep(time.Hour)
		w.Write([]byte("b"))
	}, func(t *testing.T, n *Network, req *http.Request, body *countedBody) {
		start := time.Now()
		resp, err := n.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got := time.Since(start); got != 0 {
			t.Errorf("the header took %v, want it before the body", got)
		}
		if b, err := io.ReadAll(resp.Body); string(b) != "ab" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
	})
}

func TestNetworkDrops(t *testing.T) {
	bubble(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		func(t *testing.T, n *Network, req *http.Request, body *countedBody) {
			_, err := n.RoundTrip(req)
			if !errors.Is(err, io.EOF) {
				t.Errorf("got %v, want io.EOF", err)
			}
			body.want(t)
		})
}

func TestNetworkRefusesUnknownHosts(t *testing.T) {
	bubble(t, nil, func(t *testing.T, n *Network, req *http.Request, body *countedBody) {
		n.Handle("api.test", nil)
		_, err := n.RoundTrip(req)
		if op := new(net.OpError); !errors.As(err, &op) || op.Op != "dial" {
			t.Errorf("got %v, want a dial error", err)
		}
		body.want(t)
	})
}

func TestNetworkContextEndsTheWait(t *testing.T) {
	bubble(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		func(t *testing.T, n *Network, req *http.Request, body *countedBody) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := n.RoundTrip(req.WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want context.DeadlineExceeded", err)
			}
			body.want(t)
		})
}

func TestNetworkContextEndsTheBody(t *testing.T) {
	bubble(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("a"))
		<-r.Context().Done()
	}, func(t *testing.T, n *Network, req *http.Request, body *countedBody) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		resp, err := n.RoundTrip(req.WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want context.DeadlineExceeded", err)
		}
		body.want(t)
	})
}

func TestNetworkClosedBodyEndsTheHandler(t *testing.T) {
	ended := make(chan struct{})
	bubble(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(ended)
	}, func(t *testing.T, n *Network, req *http.Request, body *countedBody) {
		resp, err := n.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Error("the handler still runs after the response body was closed")
		}
		body.want(t)
	})
}

func TestNetworkCancelledBeforeItStarts(t *testing.T) {
	bubble(t, func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") },
		func(t *testing.T, n *Network, req *http.Request, body *countedBody) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := n.RoundTrip(req.WithContext(ctx)); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context.Canceled", err)
			}
			body.want(t)
		})
}

// The length check finds, for example, a replay with an empty body.
func TestNetworkChecksTheLength(t *testing.T) {
	for name, length := range map[string]int64{"too short": 7, "too long": 3} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) },
				func(t *testing.T, n *Network, req *http.Request, body *countedBody) {
					req.ContentLength = length
					if _, err := n.RoundTrip(req); err == nil || !strings.Contains(err.Error(), "ContentLength=") {
						t.Errorf("got %v, want an error about the length", err)
					}
					body.want(t)
				})
		})
	}
}

func TestNetworkReportsABodyThatFails(t *testing.T) {
	broken := errors.New("broken")
	bubble(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) },
		func(t *testing.T, n *Network, req *http.Request, body *countedBody) {
			body.Reader = io.MultiReader(strings.NewReader("h"), readerFunc(func([]byte) (int, error) { return 0, broken }))
			if _, err := n.RoundTrip(req); !errors.Is(err, broken) {
				t.Errorf("got %v, want %v", err, broken)
			}
			body.want(t)
		})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// httptrace tells a client whether its request was sent.
func TestNetworkTraces(t *testing.T) {
	bubble(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		func(t *testing.T, n *Network, req *http.Request, body *countedBody) {
			var got []string
			trace := &httptrace.ClientTrace{
				GotConn:              func(httptrace.GotConnInfo) { got = append(got, "conn") },
				WroteRequest:         func(httptrace.WroteRequestInfo) { got = append(got, "wrote") },
				GotFirstResponseByte: func() { got = append(got, "byte") },
			}
			n.RoundTrip(req.WithContext(httptrace.WithClientTrace(t.Context(), trace)))
			if s := strings.Join(got, " "); s != "conn wrote" {
				t.Errorf("got %q, want the request written and nothing answered", s)
			}
		})
}

func TestNetworkBadRequests(t *testing.T) {
	bubble(t, nil, func(t *testing.T, n *Network, req *http.Request, body *countedBody) {
		req.URL = nil
		if _, err := n.RoundTrip(req); err == nil {
			t.Error("got no error for a request without URL")
		}
		body.want(t)
	})
}

// The answer to HEAD has no body, so closing it is optional.
func TestNetworkHead(t *testing.T) {
	bubble(t, func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("not sent")) },
		func(t *testing.T, n *Network, req *http.Request, body *countedBody) {
			req.Method = http.MethodHead
			resp, err := n.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(resp.Body); len(b) != 0 || err != nil {
				t.Errorf("got %q, %v, want no body", b, err)
			}
			body.want(t)
		})
}

// A handler that waits for the rest of a body ends with the client.
func TestNetworkContextEndsTheRequestBody(t *testing.T) {
	bubble(t, func(w http.ResponseWriter, r *http.Request) { io.ReadAll(r.Body) },
		func(t *testing.T, n *Network, req *http.Request, _ *countedBody) {
			r, w := io.Pipe()
			req.Body = r
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := n.RoundTrip(req.WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want context.DeadlineExceeded", err)
			}
			if _, err := w.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("got %v, want the body closed", err)
			}
		})
}
