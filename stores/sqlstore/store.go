package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"sync"
	"time"

	"example.com/bearer"
	"example.com/bearer/internal/mistake"
)

// defaultTable is the Table of a Store that names none.
const defaultTable = "bearer_tokens"

// defaultLease is long enough for a server that restarts: the holder of a lock
// has 10 s to renew it after the first attempt. It is short enough for a fleet to
// wait for after a holder has died.
const defaultLease = 15 * time.Second

// shortestLease leaves time for a renewal every third of it.
const shortestLease = 100 * time.Millisecond

// A Store is a [bearer.Store], [bearer.Locker] and [bearer.Swapper] of two
// tables, which [Schema] describes. All processes that use the same tables share
// it. Its methods may be called concurrently. The fields must not be changed, nor
// the Store copied, after the first use. There is nothing to close: the DB is
// its owner's.
//
// If the context of a call ends while PostgreSQL changes something, the call
// returns, and the statement runs on, for 5 s at most. Other calls for that key
// wait for it, so that the change does not come about after theirs.
type Store struct {
	// DB is the database. Its statements go to the primary: a replica that
	// lags behind shows spent tokens. A Store uses one connection per call,
	// for as long as one statement takes; none is held while a lock is.
	// Required.
	DB *sql.DB

	// Dialect is what the database speaks: [Postgres] or [SQLite]. Required.
	Dialect Dialect

	// Table is the name of the table of values; the table of leases has the
	// same name with "_lease" appended. It is letters, digits and underscores,
	// at most 57, after a schema and a dot if need be. Letters keep their case.
	// Empty means "bearer_tokens".
	Table string

	// LeaseDuration is how long a lock outlives a holder that has died or
	// cannot reach the database: the method Lease returns it. A holder that
	// runs renews its lease every third of that. All processes should use the
	// same. At least 100 ms; zero means 15 s.
	LeaseDuration time.Duration

	once  sync.Once // sets what follows
	sql   statements
	fault error // a field that is wrong

	locks queues
	late  late
}

// Lease returns LeaseDuration, or its default. See [bearer.Locker].
func (s *Store) Lease() time.Duration {
	if s.LeaseDuration == 0 {
		return defaultLease
	}
	return s.LeaseDuration
}

// check returns an error that names the field that is wrong, if any is.
func (s *Store) check(key string) error {
	s.once.Do(func() { s.sql, s.fault = s.prepare() })
	switch {
	case s.fault != nil:
		return s.fault
	case key == "":
		return mistake.New("sqlstore: the key is empty: it is the name of the credential, such as Cache.Key")
	}
	return nil
}

func (s *Store) prepare() (statements, error) {
	switch {
	case s.DB == nil:
		return statements{}, mistake.New("sqlstore: Store.DB is nil: open a database with sql.Open")
	case s.LeaseDuration != 0 && s.LeaseDuration < shortestLease:
		return statements{}, mistake.Errorf("sqlstore: Store.LeaseDuration is %v: it is at least %v, or 0 for %v", s.LeaseDuration, shortestLease, defaultLease)
	}
	n, err := s.names()
	if err != nil {
		return statements{}, err
	}
	return n.statements(), nil
}

// longestKey is the length of the keys that are stored whole. PostgreSQL's
// indexes hold up to 2,700 bytes.
const longestKey = 1023

// id is what key is stored as: key, or a prefix and a hash that are longer than
// any key that is stored whole, and so not the id of another one.
func id(key string) []byte {
	if len(key) <= longestKey {
		return []byte(key)
	}
	sum := sha256.Sum256([]byte(key))
	return append([]byte(key[:longestKey+1-len(sum)]), sum[:]...)
}

// Get implements [bearer.Store].
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	if err := s.check(key); err != nil {
		return nil, err
	}
	data, err := s.read(ctx, key)
	switch {
	case errors.Is(err, sql.ErrNoRows) && ctx.Err() == nil: // rows that a context has closed are none
		return nil, bearer.ErrNotFound
	case err != nil:
		return nil, failed(ctx, "get", err)
	}
	return value(data), nil
}

// Put implements [bearer.Store].
func (s *Store) Put(ctx context.Context, key string, data []byte) error {
	if err := s.check(key); err != nil {
		return err
	}
	data = value(data)
	if _, err := s.write(ctx, key, s.sql.put, data); err != nil {
		return failed(ctx, "put", err, data)
	}
	return nil
}

// Delete implements [bearer.Store].
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.check(key); err != nil {
		return err
	}
	if _, err := s.write(ctx, key, s.sql.delete); err != nil {
		return failed(ctx, "delete", err)
	}
	return nil
}

// errUnsure is not ErrChanged, which says that nothing has been changed.
var errUnsure = errors.New("sqlstore: swap: the connection broke, and the value is another one now: whether this Swap has changed it is not known")

// Swap implements [bearer.Swapper]. It is one statement, which finds the old
// value and replaces it, and says how many rows it has changed. Under READ
// COMMITTED, a statement that waits for a row that another one changes looks at
// it again then; under stricter levels, it fails, and is repeated.
func (s *Store) Swap(ctx context.Context, key string, old, new []byte) error {
	if err := s.check(key); err != nil {
		return err
	}
	var o outcome
	var err error
	switch {
	case old == nil && new == nil:
		_, err := s.Get(ctx, key)
		switch {
		case err == nil:
			return bearer.ErrChanged
		case errors.Is(err, bearer.ErrNotFound):
			return nil
		}
		return err
	case old == nil:
		o, err = s.write(ctx, key, s.sql.add, new)
	case new == nil:
		o, err = s.write(ctx, key, s.sql.remove, old)
	default:
		o, err = s.write(ctx, key, s.sql.swap, old, new)
	}
	switch {
	case err != nil:
		return failed(ctx, "swap", err, old, new)
	case o.rows > 0:
		return nil
	case o.unsure:
		// The statement was executed again, and perhaps found its own change.
		return errUnsure
	}
	return bearer.ErrChanged
}

// value is data as a value: a nil one would be NULL in the database, and some
// drivers return it for an empty one.
func value(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}
