package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A lock is a row of the table of leases, with an owner that no other lock has.
// Who finds none, or one that has expired by the database's clock, may write it;
// its owner renews it and deletes it. No clock of a client is stored.
//
// Advisory locks of PostgreSQL belong to a session: a connection would be held
// for each lock while the token endpoint is waited for, and a proxy in
// transaction mode would leave the lock with whoever gets that connection next.
type lock struct {
	*Store
	key   []byte
	owner string
	leave func()        // gives the turn in this process to the next one
	done  chan struct{} // closed by release; it ends the goroutine that renews
}

// releaseTimeout limits how long a statement that releases a lock takes, which
// no caller's context does. The lease ends by itself.
const releaseTimeout = 5 * time.Second

// errLost says that unlock found the lock gone.
var errLost = errors.New("sqlstore: unlock: the lock was lost: its lease was not renewed in time, or its row was deleted")

// Lock implements [bearer.Locker]. While it waits for another process, it looks
// whether the lock is free, every 10 to 250 ms; while it waits for another
// goroutine of this process, it asks nothing. If ctx ends while the database
// takes the lock, it is released in the background, or ends with its lease.
func (s *Store) Lock(ctx context.Context, key string) (unlock func() error, err error) {
	if err := s.check(key); err != nil {
		return nil, err
	}
	leave, err := s.locks.join(ctx, key)
	if err != nil {
		return nil, failed(ctx, "lock", err)
	}
	l := &lock{Store: s, key: id(key), owner: rand.Text(), leave: leave, done: make(chan struct{})}
	detached := context.WithoutCancel(ctx) // the caller's, who may trace by it
	if o, err := l.take(ctx); err != nil {
		if o.unsure {
			go l.undo(detached, o.late)
		} else {
			leave()
		}
		return nil, failed(ctx, "lock", err)
	}
	go l.renew(detached, time.Now())
	return sync.OnceValue(func() error { return l.release(detached) }), nil
}

// take waits until l has the lock. If there is an error and the outcome is
// unsure, it may have it all the same.
func (l *lock) take(ctx context.Context) (outcome, error) {
	for pause := new(backoff); ; {
		// If this is executed twice, it finds its own owner, and is content.
		o, err := l.exec(ctx, l.sql.take, l.key, l.owner, l.Lease().Milliseconds())
		if err != nil || o.rows > 0 {
			return o, err
		}
		if err := l.free(ctx, pause); err != nil {
			return outcome{}, err
		}
	}
}

// free waits until the lock seems to be free. There is one such waiter per process
// and key. It only reads, so it neither locks nor writes a row. LISTEN would spare
// the looks, but hold a connection for each waiter; a proxy in transaction mode
// does not pass it on; and SQLite has nothing like it.
func (l *lock) free(ctx context.Context, pause *backoff) error {
	for {
		var left int64 // ms
		err := l.query(ctx, &left, l.sql.left, l.key)
		switch {
		case errors.Is(err, sql.ErrNoRows) || err == nil && left <= 0:
			return nil
		case err != nil:
			return err
		}
		if err := pause.wait(ctx, time.Duration(left)*time.Millisecond); err != nil {
			return err
		}
	}
}

// renew extends the lease until l is released, or another one has the lock. A
// renewal that is under way when l is released may come after the release, and
// finds nothing then.
func (l *lock) renew(ctx context.Context, taken time.Time) {
	every := l.Lease() / 3
	for pause := every; ; { // with time for three attempts that get no answer
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-l.done:
			timer.Stop()
			return
		}
		begin := time.Now()
		rows, err := l.within(ctx, every/2, l.sql.renew)
		switch {
		case err == nil && rows == 0:
			l.leave() // whoever is next here asks the database
			return
		case err == nil:
			taken, pause = begin, every
		default:
			// The lease may still be there when the database is back.
			pause = every / 4
			if time.Since(taken) > l.Lease() {
				l.leave()
			}
		}
	}
}

// release is unlock, the first time.
func (l *lock) release(ctx context.Context) error {
	defer l.leave()
	close(l.done)
	rows, err := l.within(ctx, releaseTimeout, l.sql.release)
	switch {
	case err != nil:
		return fmt.Errorf("%w; the lock ends with its lease, in %v", failed(context.Background(), "unlock", err), l.Lease())
	case rows == 0:
		return errLost
	}
	return nil
}

// undo releases a lock that may have been taken, or may still be: late is closed
// when it is not any more. Should it be taken later still, because the connection
// broke and the server has yet to read from it, the lock ends with its lease.
func (l *lock) undo(ctx context.Context, late <-chan struct{}) {
	defer l.leave()
	if late != nil {
		<-late
	}
	_, _ = l.within(ctx, releaseTimeout, l.sql.release)
}

// within runs one of the statements about l's own row, for as long as the limit,
// or the lease, lasts.
func (l *lock) within(ctx context.Context, limit time.Duration, query string) (rows int64, err error) {
	limit = min(limit, l.Lease())
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	o, err := l.exec(ctx, query, l.key, l.owner)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("no answer within %v", limit) // the context is not the caller's
	}
	return o.rows, err
}
