package redisstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// As go-redis does by default.
const (
	retries       = 3
	firstPause    = 8 * time.Millisecond
	longestPause  = 512 * time.Millisecond
	maxClientsErr = "max number of clients reached"
)

// retry calls attempt until it works, its error is one that does not pass, or
// ctx ends. doubtful says that an attempt has failed that may have been carried
// out, or may be carried out later still.
func retry(ctx context.Context, attempt func() error) (doubtful bool, err error) {
	pause := firstPause
	for n := 0; ; n++ {
		if ctx.Err() != nil {
			return doubtful, ctx.Err() // what was not sent, is not sent after the caller has left
		}
		if err = attempt(); err == nil {
			return doubtful, nil
		}
		doubtful = doubtful || !neverRan(err)
		if n == retries || !passes(err) {
			return doubtful, err
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		pause = min(2*pause, longestPause)
	}
}

// neverRan reports whether a command that failed with err was certainly not
// carried out, nor will be. No script here writes and then fails.
func neverRan(err error) bool {
	if _, ok := errors.AsType[redis.Error](err); ok {
		return true // the server's answer
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" ||
		errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrPoolExhausted) || errors.Is(err, redis.ErrClosed)
}

// passing are the answers of a server that starts, or has lost its role, or of
// a cluster that moves a slot.
var passing = []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "MOVED", "ASK", maxClientsErr}

// passes reports whether another attempt may work.
func passes(err error) bool {
	if _, ok := errors.AsType[*replicaError](err); ok {
		return false
	}
	if _, ok := errors.AsType[redis.Error](err); !ok {
		return !errors.Is(err, redis.ErrClosed)
	}
	for _, prefix := range passing {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return strings.Contains(err.Error(), "-READONLY ") // within a script, before Redis 7
}

// errGoexit is the outcome of a call that did not return.
var errGoexit = errors.New("a hook of the client called runtime.Goexit")

// await returns what do returns, or ctx's error as soon as ctx ends: go-redis
// does not look at it while it waits for an answer. do then goes on until
// go-redis gives up, by the timeouts of the client's options; if it works all
// the same, late gets its result. do is called even if ctx has ended already, for
// what it has to clean up; retry sends nothing then.
func await[T any](ctx context.Context, do func() (T, error), late func(T)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	var none T
	done := make(chan outcome)
	left := make(chan struct{})
	go func() {
		o := outcome{err: errGoexit}
		defer func() {
			if recover() != nil { // what it says may hold a value
				o = outcome{err: errors.New("a hook of the client panicked")}
			}
			select {
			case done <- o:
			case <-left:
				if o.err == nil {
					late(o.value)
				}
			}
		}()
		o.value, o.err = do()
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		close(left)
		return none, ctx.Err()
	}
}
