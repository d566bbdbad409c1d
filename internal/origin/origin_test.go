package origin

import (
	"net/url"
	"testing"
)

func TestSame(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"https://api.example.com", "https://API.example.com:443/x?y", true},
		{"http://api.example.com", "http://api.example.com:80", true},
		{"https://[::1]:8443", "https://[::1]:8443/", true},
		{"https://api.example.com", "http://api.example.com", false},
		{"https://api.example.com", "https://api.example.com:8443", false},
		{"https://api.example.com", "https://api.example.com.evil.test", false},
	} {
		a, errA := url.Parse(row.a)
		b, errB := url.Parse(row.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if got := Same(a, b); got != row.want {
			t.Errorf("Same(%s, %s): got %v, want %v", row.a, row.b, got, row.want)
		}
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "127.0.0.1": true, "127.255.0.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"localhost.example.com": false, "0.0.0.0": false, "::": false, "10.0.0.1": false, "": false, "127.1": false,
	} {
		if got := Loopback(host); got != want {
			t.Errorf("Loopback(%q): got %v, want %v", host, got, want)
		}
	}
}
