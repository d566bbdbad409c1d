package bearer_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

// lost is a Source whose process cannot find the endpoint.
var lost = bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
	return nil, &net.OpError{Op: "dial", Err: errors.New("no such host")}
})

// G20: processes that cannot reach the endpoint, whose callers are many, keep
// another one whose callers are few from its token for a pause, not for good.
func TestG20OthersCannotReachTheEndpoint(t *testing.T) {
	for _, wrong := range []int{1, 2, 4} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			f.rotates = false
			ctx, cancelAll := context.WithCancel(t.Context())
			defer cancelAll()
			for i := range wrong {
				m := f.member("wrong " + string(rune('A'+i)))
				m.cache.Source = lost
				go func() {
					for ctx.Err() == nil {
						_, _ = m.cache.Token(ctx)
						time.Sleep(time.Duration(7+i) * time.Millisecond)
					}
				}()
			}
			time.Sleep(5 * time.Minute)
			m := f.member("right")
			m.cache.Source = bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return f.serve("") })
			began := time.Now()
			for {
				call, cancel := context.WithTimeout(ctx, time.Second)
				_, err := m.cache.Token(call)
				cancel()
				if err == nil {
					break
				}
				if time.Since(began) > time.Duration(wrong)*time.Minute {
					t.Errorf("%d wrong processes: after %v: got %v, want a token", wrong, time.Since(began), err)
					break
				}
				time.Sleep(3 * time.Second)
			}
			t.Logf("%d wrong processes: a token after %v", wrong, time.Since(began))
			cancelAll()
			time.Sleep(time.Minute) // what is under way ends
		})
	}
}
