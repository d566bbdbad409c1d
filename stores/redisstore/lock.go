package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"example.com/bearer/internal/instant"
)

const (
	// unlockTimeout limits an unlock, which has no context. If it fails, the
	// lock ends with its lease.
	unlockTimeout = 2 * time.Second

	// longestReservation limits how long a lock that was released is reserved
	// for the first of those who wait, which may have died. It has to hear
	// of it and to answer.
	longestReservation = 500 * time.Millisecond

	// slack is by how much a waiter lets a lock expire before it looks.
	slack = 2 * time.Millisecond
)

// reservation is how long a lock is reserved.
func (s *Store) reservation() time.Duration { return min(longestReservation, s.Lease()/3) }

// Lock implements [bearer.Locker]. Those who wait get the lock in the order in
// which they came, within a process and among processes; one that died while it
// waited costs the others half a second. If the holder dies, they get the lock
// when its lease has passed.
//
// unlock returns an error if another process may have had the lock meanwhile,
// because it was not renewed for a lease: this process was suspended, or the
// server not reachable. It also does so if the lock cannot be released within
// two seconds; then it ends with its lease. To call unlock again does nothing.
func (s *Store) Lock(ctx context.Context, key string) (unlock func() error, err error) {
	if err := s.check(key); err != nil {
		return nil, err
	}
	// One goroutine of this process at a time asks the server. The turn ends
	// with unlock, or when the lock is lost, so that the next one of this process
	// comes after those of the others that wait already.
	end, err := s.locks.take(ctx, key, exclusive)
	if err != nil {
		return nil, failed(ctx, "lock", err)
	}
	h := &hold{store: s, names: s.names(key), waiter: rand.Text(), endTurn: sync.OnceFunc(end)}
	_, err = await(ctx, func() (none struct{}, err error) {
		taken := false
		defer func() { // also if a hook of the client panics
			if !taken {
				go h.abandon()
			}
		}()
		err = h.take(ctx)
		taken = err == nil
		return none, err
	}, func(struct{}) { h.abandon() })
	if err != nil {
		return nil, failed(ctx, "lock", err)
	}
	h.keep()
	return h.unlock, nil
}

// A hold is a lock that is held, or waited for.
type hold struct {
	store *Store
	names
	waiter  string // random, of this hold alone
	endTurn func()

	// What follows is written by take, then by the goroutine of keep, and read
	// after that has ended.
	attempt int          // of take: the number of the last one
	until   instant.Time // the lease ends then, at the earliest: counted from before its last renewal was sent
	lost    bool         // the server has said so

	stop     context.CancelFunc // ends the goroutine of keep
	kept     chan struct{}      // closed when it has ended
	unlocked atomic.Bool
}

// take waits for the lock. It does not poll: it tries again when it is told that
// the lock is reserved for it, when it begins to hear of that, because it may
// have been told before, and when the lock has expired.
func (h *hold) take(ctx context.Context) error {
	var news <-chan wakeup
	for {
		left, err := h.try(ctx)
		if err != nil || left < 0 {
			return err
		}
		if news == nil {
			var stop func()
			news, stop = h.store.wakeups.listen(h.store, h.lock, h.waiter)
			defer stop()
		}
		if err := wait(ctx, left, news); err != nil {
			return err
		}
	}
}

// try takes the lock, and returns a negative duration, or queues for it and
// returns when it expires.
func (h *hold) try(ctx context.Context) (left time.Duration, err error) {
	lease := h.store.Lease()
	_, err = retry(ctx, func() error {
		h.attempt++
		h.until = instant.Now().Add(lease)
		answer, err := takeScript.run(ctx, h.store.Client, []string{h.lock, h.queue}, h.waiter, h.attempt, lease.Milliseconds())
		if err != nil {
			return err
		}
		ms, _ := answer.(int64)
		left = time.Duration(ms) * time.Millisecond
		return nil
	})
	return left, err
}

// wait returns after left and a little, or earlier if there is news.
func wait(ctx context.Context, left time.Duration, news <-chan wakeup) error {
	until := time.Now().Add(left + slack)
	timer := time.NewTimer(left + slack)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return nil
		case n := <-news:
			if n.err != nil || n.after == 0 {
				return n.err
			}
			if at := time.Now().Add(n.after + slack); at.Before(until) {
				until = at
				timer.Reset(n.after + slack)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// keep renews the lock in a goroutine, which ends with unlock, when the server
// says that the lock is lost, and when the lease has passed without a renewal.
func (h *hold) keep() {
	ctx, cancel := context.WithCancel(context.Background())
	h.stop, h.kept = cancel, make(chan struct{})
	go func() {
		defer close(h.kept)
		defer cancel()
		pause := h.store.Lease() / 3
		for {
			timer := time.NewTimer(min(pause, h.until.Until(instant.Now())))
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return
			}
			pause = h.store.Lease() / 3
			if err := h.renew(ctx); err != nil {
				pause /= 8
			}
			if h.lost || h.until.Reached(instant.Now()) {
				h.endTurn() // the next one of this process need not wait for unlock
				return
			}
		}
	}()
}

func (h *hold) renew(ctx context.Context) error {
	lease, sent := h.store.Lease(), instant.Now()
	if h.until.Reached(sent) {
		return nil
	}
	// A connection that does not answer leaves time for another one.
	ctx, cancel := context.WithTimeout(ctx, min(lease/6, h.until.Until(sent)))
	defer cancel()
	kept, err := await(ctx, func() (any, error) {
		return renewScript.run(ctx, h.store.Client, []string{h.lock}, h.value(), lease.Milliseconds())
	}, func(any) {})
	switch {
	case err != nil:
		return err
	case kept == int64(1):
		h.until = sent.Add(lease)
	default:
		h.lost = true
	}
	return nil
}

// value is what the lock holds.
func (h *hold) value() string { return fmt.Sprint(h.waiter, ":", h.attempt) }

// errLost says that the lock did not exclude others all the time.
var errLost = errors.New("the lock was lost before: it was not renewed in time, and another process may have had it")

func (h *hold) unlock() error {
	if h.unlocked.Swap(true) {
		return nil
	}
	h.stop()
	<-h.kept // at once: a renewal under way is left to itself
	defer h.endTurn()
	held, doubtful, err := h.release()
	switch {
	case err != nil:
		err = fmt.Errorf("%w; the lock ends by itself within %v", err, h.store.Lease())
	case held:
		// Nobody else had it: only take creates what the lock holds, once.
	case doubtful && !h.until.Reached(instant.Now()):
		// It cannot have expired, so an attempt whose answer was lost has released it.
	default:
		err = errLost
	}
	return failed(context.Background(), "unlock", err)
}

// abandon gives up a lock that nobody wants any more, or the place in the queue.
// It ends by the limits of release, and of the client's options.
func (h *hold) abandon() {
	if h.attempt > 0 {
		_, _, _ = h.release() // what cannot be released expires
	}
	h.endTurn()
}

// release gives the lock to the next one. held says that it was held until then;
// doubtful, that an attempt before may have released it.
func (h *hold) release() (held, doubtful bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), unlockTimeout)
	defer cancel()
	type outcome struct{ held, doubtful bool }
	o, err := await(ctx, func() (o outcome, err error) {
		o.doubtful, err = retry(ctx, func() error {
			answer, err := releaseScript.run(ctx, h.store.Client, []string{h.lock, h.queue}, h.waiter, h.attempt, h.store.reservation().Milliseconds())
			o.held = answer == int64(1)
			return err
		})
		return o, err
	}, func(outcome) {})
	return o.held, o.doubtful, err
}
