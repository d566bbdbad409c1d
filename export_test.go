package bearer

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// jitter is what tests have put in the place of chance; nil: nothing. It is
// atomic because a goroutine of an earlier test may still be refreshing.
var jitter atomic.Pointer[func(time.Duration) time.Duration]

func init() {
	random = func(n time.Duration) time.Duration {
		if f := jitter.Load(); f != nil {
			return (*f)(n)
		}
		return rand.N(n)
	}
}

// SetJitter has all jitter be what f returns for its bound, until the returned
// function is called.
func SetJitter(f func(n time.Duration) time.Duration) (restore func()) {
	jitter.Store(&f)
	return func() { jitter.Store(nil) }
}
