package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"example.com/bearer/grant"
)

// TestMain ends the server, if a test began one. In a process that a test has
// started it is that process's main.
func TestMain(m *testing.M) {
	if os.Getenv(workerEnv) != "" {
		workerMain()
		return
	}
	code := m.Run()
	stopServer(code != 0)
	os.Exit(code)
}

// server is the running server.mjs, one for all tests.
type server struct {
	Issuer    string // by http
	IssuerTLS string // the same server by https, where client certificates can be shown

	cert tls.Certificate // the server's own, and that of the client that shows one
}

// need returns the server, and skips the test where there is to be none. With
// BEARER_E2E nothing skips: what is missing fails.
func need(t *testing.T) *server {
	t.Helper()
	if os.Getenv("BEARER_E2E") == "" {
		t.Skip("set BEARER_E2E=1, after npm ci, to run the tests against oidc-provider")
	}
	s, err := startServer()
	if err != nil {
		t.Fatalf("server.mjs: %v\n%s", err, output.String())
	}
	return s
}

var (
	process *exec.Cmd             // nil until it is started
	output  safeBuffer            // what it wrote
	copied  = make(chan struct{}) // closed when output has all of its stdout
)

var startServer = sync.OnceValues(func() (*server, error) {
	s := new(server)
	var err error
	if s.cert, err = newCertificate(); err != nil {
		return nil, err
	}
	clients, err := json.Marshal(clients(s.cert))
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(s.cert.PrivateKey)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("node", "server.mjs")
	cmd.Env = append(os.Environ(),
		"CLIENTS="+string(clients),
		"CERT="+string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.cert.Leaf.Raw})),
		"KEY="+string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	cmd.Stderr = &output
	if _, err = cmd.StdinPipe(); err != nil { // held open: it ends when we do
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadBytes('\n')
	if err != nil { // it has ended, and with Wait all that it wrote is there
		return nil, fmt.Errorf("it ended before it said where it listens: %w", cmd.Wait())
	}
	process = cmd
	go func() { // ends with the process
		defer close(copied)
		io.Copy(&output, lines)
	}()
	if err := json.Unmarshal(line, s); err != nil {
		return nil, err
	}
	return s, nil
})

func stopServer(failed bool) {
	if process == nil {
		return
	}
	_ = process.Process.Kill()
	<-copied // Wait closes the pipe
	_ = process.Wait()
	if failed {
		fmt.Fprintf(os.Stderr, "server.mjs wrote:\n%s", output.String())
	}
}

// A safeBuffer is written to by goroutines that wait for the server's output.
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

func newCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "bearer e2e"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

// discovered returns the server as data, as it describes itself.
func (s *server) discovered(t *testing.T) grant.Server {
	t.Helper()
	found, err := grant.Server{Issuer: s.Issuer}.Discover(t.Context())
	if err != nil {
		t.Fatalf("Discover: %v", err)
	}
	return found
}

// get asks the protected API through client, and returns the status.
func (s *server) get(ctx context.Context, client *http.Client) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Issuer+"/api", nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}
