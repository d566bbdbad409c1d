//go:build unix

package config

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A named pipe in place of a certificate is a fault: to open it could wait
// forever for a writer.
func TestCertificateThatIsAPipe(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Skip(err)
	}
	loader := Loader{Dir: dir}
	for _, key := range []string{"ca_file", "cert_file", "key_file"} {
		_, err := loader.Parse([]byte("clients: {a: {token_url: https://a.test, client_id: x, client_secret: y, tls_config: {" + key + ": pipe}}}"))
		if err == nil || !strings.Contains(err.Error(), "tls_config."+key+": this is not a regular file") {
			t.Errorf("%s: got %v, want that it is not a regular file", key, err)
		}
	}
}
