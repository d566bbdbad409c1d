package proxy

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// Local reports whether only this machine can connect to a TCP address.
func Local(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// ListenSocket listens on a Unix socket of mode 0600. A socket whose program
// has ended is replaced.
func ListenSocket(path string) (net.Listener, error) {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeSocket == 0:
		return nil, fmt.Errorf("%s is there, and no socket: remove it, or choose another path", path)
	default:
		if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
			c.Close()
			return nil, fmt.Errorf("%s is in use by another program: stop it, or choose another path", path)
		}
	}
	// The socket gets its mode in a folder that is this user's alone, before it
	// is where others can connect to it.
	folder, err := os.MkdirTemp(filepath.Dir(path), ".")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	private := filepath.Join(folder, "s")
	l, err := net.Listen("unix", private)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err = os.Chmod(private, 0o600); err == nil {
		err = os.Rename(private, path)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return &socket{l, path}, nil
}

// A socket removes its file when it is closed.
type socket struct {
	net.Listener
	path string
}

// Close implements [net.Listener].
func (s *socket) Close() error {
	os.Remove(s.path) // first, so that no connection is refused that a new program would take
	return s.Listener.Close()
}
