package redisstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/bearer"
)

const (
	defaultPrefix = "bearer:"
	defaultLease  = 15 * time.Second
	shortestLease = 100 * time.Millisecond

	// tombstoneLife is how long the version of a deleted record is remembered.
	// A write that was given up may reach the server as long as TCP sends it
	// again, which is a quarter of an hour on Linux.
	tombstoneLife = time.Hour

	// replicaWait limits a WAIT.
	replicaWait = 2 * time.Second
)

// A Store is a [bearer.Store], [bearer.Locker] and [bearer.Swapper] in a Redis or
// Valkey server, or a cluster of them. Its methods may be called concurrently.
// Processes whose Stores have the same server, database and Prefix share the
// credentials and their locks. A Store must not be copied after first use. It
// needs no closing: without calls under way, and locks held, it has no goroutine
// and makes no traffic. The Client is closed by those who made it.
//
// Errors hold no value. They match [bearer.ErrNotFound], [bearer.ErrChanged] and
// a context's error only where the interfaces say so.
type Store struct {
	// Client is where credentials are kept: a [redis.Client], also one from
	// [redis.NewFailoverClient], or a [redis.ClusterClient]. It must be set. TLS,
	// users, timeouts and the size of the pool are its options. Its MaxRetries
	// does not count here: see the package's comment.
	Client redis.UniversalClient

	// Prefix begins the name of each key in Redis, so that programs can share
	// a database. It must not have braces. Empty: "bearer:".
	Prefix string

	// LeaseDuration is how long a lock outlives a holder that has died, is
	// suspended or cannot reach the server. A holder that runs renews its lock
	// every third of it. Zero: 15 seconds, which few pauses of a process exceed.
	// At least 100 milliseconds, and the same in all processes.
	LeaseDuration time.Duration

	// Replicas is how many replicas must have received a write before it counts.
	// If they have not within two seconds, the method returns an error,
	// although the write may last. That makes it unlikely, not
	// impossible, that a failover loses the write. It costs a round trip per write.
	// Locks do not wait for replicas. Zero: none.
	Replicas int

	writes  turns   // see write
	locks   turns   // a process has one waiter per key at the server
	wakeups wakeups // for those waiters
}

// Lease implements [bearer.Locker]: it returns LeaseDuration, or its default.
func (s *Store) Lease() time.Duration {
	if s.LeaseDuration == 0 {
		return defaultLease
	}
	return s.LeaseDuration
}

// names are the names of what Redis holds for a key. The part in braces, the
// hash tag, decides on the slot in a cluster, so that all are in one.
type names struct{ record, lock, queue string }

// names encodes the key as part of a path, so that it has no braces: it may be
// any bytes but is never taken for the end of the tag, nor for another key.
func (s *Store) names(key string) names {
	prefix := s.Prefix
	if prefix == "" {
		prefix = defaultPrefix
	}
	record := prefix + "{" + url.PathEscape(key) + "}"
	return names{record: record, lock: record + ":lock", queue: record + ":queue"}
}

const (
	headerSize = 17 // of a record: see readScript

	value     = 'v'
	tombstone = 'd'
)

// A record is what Redis holds for a key: a header and a value.
type record []byte

func newRecord(kind byte, data []byte) record {
	r := make(record, headerSize, headerSize+len(data))
	r[0] = kind
	_, _ = rand.Read(r[1:]) // it never fails
	return append(r, data...)
}

func (r record) header() []byte { return r[:min(len(r), headerSize)] }

func (r record) held() bool { return len(r) > 0 && r[0] == value }

// data returns the value, nil if there is none.
func (r record) data() []byte {
	if !r.held() {
		return nil
	}
	return r[headerSize:]
}

var errForeign = errors.New("what Redis holds there is not a record of this package: choose another Prefix, or delete the key")

func (r record) check() error {
	if len(r) == 0 || len(r) >= headerSize && (r[0] == value || r[0] == tombstone) {
		return nil
	}
	return errForeign
}

// Get implements [bearer.Store].
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	if err := s.check(key); err != nil {
		return nil, err
	}
	end, err := s.writes.take(ctx, key, shared)
	if err != nil {
		return nil, failed(ctx, "get", err)
	}
	defer end()
	r, err := await(ctx, func() (record, error) { return s.read(ctx, s.names(key), -1) }, func(record) {})
	switch {
	case err != nil:
		return nil, failed(ctx, "get", err)
	case !r.held():
		return nil, bearer.ErrNotFound
	}
	return r.data(), nil
}

// Put implements [bearer.Store].
func (s *Store) Put(ctx context.Context, key string, data []byte) error {
	next := newRecord(value, data)
	return s.write(ctx, "put", key, headerSize-1, func(record) (record, error) { return next, nil })
}

// Delete implements [bearer.Store].
func (s *Store) Delete(ctx context.Context, key string) error {
	next := newRecord(tombstone, nil)
	return s.write(ctx, "delete", key, headerSize-1, func(seen record) (record, error) {
		if !seen.held() {
			return nil, nil
		}
		return next, nil
	})
}

// Swap implements [bearer.Swapper].
func (s *Store) Swap(ctx context.Context, key string, old, new []byte) error {
	present := old != nil
	old = bytes.Clone(old) // it is read after Swap has returned, if ctx ends
	next := newRecord(tombstone, nil)
	if new != nil {
		next = newRecord(value, new)
	}
	return s.write(ctx, "swap", key, -1, func(seen record) (record, error) {
		switch {
		case seen.held() != present || !bytes.Equal(seen.data(), old):
			return nil, errChanged
		case new == nil && !present:
			return nil, nil
		}
		return next, nil
	})
}

// errChanged becomes bearer.ErrChanged, which a client's hook might return.
var errChanged = errors.New("changed")

// errDoubt says that nobody can tell whether a write has taken place.
var errDoubt = errors.New("the answer was lost, and the value has been changed since: it may have been written in between, or not")

// write reads the first bytes of the record, up to the index last, and replaces
// it by what next returns, unless that is nil.
//
// It takes effect at one moment, and never after a later write has: the script
// replaces the record only if it still has the version that was read, and each
// write makes a new version, which nobody else has. So an attempt that comes
// late, because its connection was cut off or the server stood still, finds
// another version and does nothing, also after a Delete, whose tombstone has one.
// That holds for the attempts of this call too: the first that is carried out
// makes the version that the others recognize as their own.
//
// If the version is another one, and all attempts were answered, none of
// them was carried out: write begins anew. If an answer was lost, its attempt
// may have been carried out and then overwritten, or not at all: that is an
// error, and not ErrChanged.
//
// So a write that fails without an answer takes place before the next write of
// the key, or never. To the calls of this Store that is clear at once, unless the
// network holds the write back: a write keeps its turn until go-redis has given
// up, even if the caller has left.
func (s *Store) write(ctx context.Context, op, key string, last int, next func(seen record) (record, error)) error {
	if err := s.check(key); err != nil {
		return err
	}
	end, err := s.writes.take(ctx, key, exclusive)
	if err != nil {
		return failed(ctx, op, err)
	}
	n := s.names(key)
	_, err = await(ctx, func() (none struct{}, err error) {
		defer end()
		for {
			seen, err := s.read(ctx, n, last)
			if err != nil {
				return none, err
			}
			next, err := next(seen)
			if next == nil || err != nil {
				return none, err
			}
			replaced, doubtful, err := s.replace(ctx, n, seen, next)
			switch {
			case err != nil || replaced:
				return none, err
			case doubtful:
				return none, errDoubt
			}
		}
	}, func(struct{}) {})
	return failed(ctx, op, err)
}

// read returns the record up to the index last, all of it if that is -1.
func (s *Store) read(ctx context.Context, n names, last int) (record, error) {
	var r record
	_, err := retry(ctx, func() error {
		answer, err := readScript.run(ctx, s.Client, []string{n.record}, last)
		if err != nil {
			return err
		}
		text, _ := answer.(string)
		r = record(text)
		return r.check()
	})
	return r, err
}

// replace replaces the record with the header of seen. It also returns whether
// an attempt may have been carried out without an answer.
func (s *Store) replace(ctx context.Context, n names, seen, next record) (replaced, doubtful bool, err error) {
	life := int64(0)
	if !next.held() {
		life = tombstoneLife.Milliseconds()
	}
	doubtful, err = retry(ctx, func() error {
		send := func(p processor) error {
			answer, err := writeScript.run(ctx, p, []string{n.record}, []byte(seen.header()), []byte(next), life)
			replaced = err == nil && answer == int64(1)
			return err
		}
		if s.Replicas == 0 {
			return send(s.Client)
		}
		return s.replicate(ctx, n, func(p processor) (wrote bool, err error) {
			err = send(p)
			return replaced, err
		})
	})
	return replaced, doubtful, err
}
