package redisstore_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"net"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"example.com/bearer/stores/redisstore"
)

// A server is where a test runs: in this process, or a real one.
type server struct {
	options redis.Options
	prefix  string // of this test alone
}

// part returns the server for a subtest, which runs in parallel to the others.
func (s *server) part(t *testing.T) *server {
	t.Parallel()
	return &server{options: s.options, prefix: s.prefix + rand.Text() + ":"}
}

// client returns a client of its own, as another process would have.
func (s *server) client(t *testing.T) *redis.Client {
	options := s.options
	c := redis.NewClient(&options)
	t.Cleanup(func() { c.Close() })
	return c
}

func (s *server) store(t *testing.T) *redisstore.Store {
	return &redisstore.Store{Client: s.client(t), Prefix: s.prefix}
}

// onServers runs the test on miniredis, and on the server at BEARER_REDIS.
func onServers(t *testing.T, test func(t *testing.T, s *server)) {
	t.Run("miniredis", func(t *testing.T) { test(t, miniServer(t)) })
	t.Run("redis", func(t *testing.T) { test(t, realServer(t)) })
}

func miniServer(t *testing.T) *server {
	m := miniredis.RunT(t)
	m.ClockTTL(true)
	return &server{options: redis.Options{Addr: m.Addr()}, prefix: "test:"}
}

// realServer returns the server at BEARER_REDIS, a redis:// URL.
func realServer(t *testing.T) *server {
	url := os.Getenv("BEARER_REDIS")
	if url == "" {
		if os.Getenv("BEARER_STORES") == "1" {
			t.Fatal("BEARER_STORES is 1, and BEARER_REDIS is not set: set it to a server's redis:// URL")
		}
		t.Skip("BEARER_REDIS is not set to a server's redis:// URL")
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatalf("BEARER_REDIS: %v", err)
	}
	s := &server{options: *options, prefix: "test-" + rand.Text() + ":"}
	t.Cleanup(func() { s.sweep(t) })
	return s
}

// sweep deletes what the test has left.
func (s *server) sweep(t *testing.T) {
	options := s.options
	c := redis.NewClient(&options)
	defer c.Close()
	ctx := context.Background()
	all := c.Scan(ctx, 0, s.prefix+"*", 1000).Iterator()
	for all.Next(ctx) {
		c.Del(ctx, all.Val())
	}
	if err := all.Err(); err != nil {
		t.Logf("sweep: %v", err)
	}
}

// start starts a real server of the test's own with those arguments, and
// returns its address. It ends with the test.
func start(t *testing.T, args ...string) (addr string) {
	program := ""
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		if os.Getenv("BEARER_STORES") == "1" {
			t.Fatal("BEARER_STORES is 1, and there is no redis-server: install it")
		}
		t.Skip("there is no redis-server to start")
	}
	port := freePort(t)
	if i := slices.Index(args, "--port"); i >= 0 {
		port = args[i+1]
	}
	addr = net.JoinHostPort("127.0.0.1", port)
	cmd := exec.Command(program, append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir()}, args...)...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", program, log.String())
		}
	})
	eventually(t, "the server answers", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return addr
}

// freePort returns a port that nothing listens on.
func freePort(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// eventually waits until the condition is true.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30 s in vain until %s", what)
		}
	}
}

// quiet is go-redis' logger in tests that cut its connections.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{})
	os.Exit(m.Run())
}
