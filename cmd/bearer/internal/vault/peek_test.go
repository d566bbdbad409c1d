package vault

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"example.com/bearer"
)

// failing is a Source whose server cannot be reached.
type failing struct{}

func (failing) Token(context.Context) (*bearer.Token, error) {
	return nil, &net.OpError{Op: "dial", Err: errors.New("no route")}
}

func (f failing) Refresh(ctx context.Context, _ *bearer.Token) (*bearer.Token, error) {
	return f.Token(ctx)
}

// What another process notes beside the token, such as a failed refresh, does not
// keep the command from the token, and is none.
func TestPeekDoesNotHeedNotes(t *testing.T) {
	for _, row := range []struct {
		name  string
		token *bearer.Token
		err   error
	}{
		{"a token that has expired", &bearer.Token{AccessToken: "a", RefreshToken: "r", Expiry: time.Now().Add(-time.Hour)}, nil},
		{"no token", nil, bearer.ErrNotFound},
	} {
		var store bearer.MemoryStore
		c := &bearer.Cache{Source: failing{}, Store: &store, Key: "k", RetryFor: -1}
		if row.token != nil {
			if err := c.Set(t.Context(), row.token); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Token(t.Context()); err == nil {
			t.Fatal("got a token, want a failure")
		}
		if data, err := store.Get(t.Context(), "k"); !strings.Contains(string(data), "no route") {
			t.Fatalf("%s: the Store has %s and %v, want the report", row.name, data, err)
		}
		got, valid, err := Peek(t.Context(), &bearer.Cache{Store: &store, Key: "k"})
		if !errors.Is(err, row.err) || valid || (got != nil) != (row.token != nil) || got != nil && got.RefreshToken != "r" {
			t.Errorf("%s: got %v, valid %v, and %v; want it and %v", row.name, got, valid, err, row.err)
		}
	}
}
