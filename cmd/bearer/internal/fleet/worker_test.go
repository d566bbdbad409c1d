package fleet

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer"
)

func TestASetupThatIsNone(t *testing.T) {
	for _, stdin := range []string{"", "\n", "nonsense\n", `{"Store":"canary` + "\n", `{"Store":"canary"}` + "\n"} {
		err := Work(t.Context(), strings.NewReader(stdin), io.Discard)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: got the error %v, want one that does not show it", stdin, err)
		}
	}
}

// A worker sends requests until it is told to end, or its stdin ends.
func TestAWorkerEnds(t *testing.T) {
	for _, told := range []bool{true, false} {
		w, access, refresh := newTestWorld(t, func(int) {})
		s := setup{
			TokenURL: w.url + "/token", APIURL: w.url + "/api/x", ClientID: clientID, ClientSecret: clientSecret,
			Store: t.TempDir(), Key: "k",
		}
		login := &oauth2.Token{AccessToken: access, RefreshToken: refresh, Expiry: time.Now().Add(lifetime)}
		cache := &bearer.Cache{Source: source(s, plain), Store: bearer.DirStore(s.Store), Key: s.Key}
		if err := cache.Set(t.Context(), login); err != nil {
			t.Fatal(err)
		}
		in, stdin := io.Pipe()
		stdout, out := io.Pipe()
		done := make(chan error, 1)
		go func() { done <- Work(t.Context(), in, out) }()
		line, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stdin.Write(append(line, '\n')); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stdout)
		for range 3 {
			var m message
			if !lines.Scan() || json.Unmarshal(lines.Bytes(), &m) != nil || m.Step != "" || m.Failed != "" {
				t.Fatalf("got %q, want a request that succeeded", lines.Text())
			}
		}
		go func() { _, _ = io.Copy(io.Discard, stdout) }() // ends with the pipe
		if told {
			if _, err := io.WriteString(stdin, string(end)+"\n"); err != nil {
				t.Fatal(err)
			}
		} else {
			stdin.Close()
		}
		if err := <-done; err != nil {
			t.Errorf("got the error %v, want none", err)
		}
		out.Close()
		stdin.Close()
	}
}
