package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// The pauses between two looks at what others change: a lock that is held, or a
// database that has refused to run a statement beside another one. They grow
// from the first to the last, by half each time, and each is shortened by up to
// half, so that waiters of several processes do not keep step.
const (
	firstPause = 10 * time.Millisecond
	lastPause  = 250 * time.Millisecond
)

// A backoff is a sequence of pauses. Its zero value is ready to use.
type backoff struct{ last time.Duration }

// wait pauses for at most the given time, or until ctx ends.
func (b *backoff) wait(ctx context.Context, most time.Duration) error {
	b.last = min(max(firstPause, b.last*3/2), lastPause)
	timer := time.NewTimer(min(b.last/2+rand.N(b.last/2), most))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// mostTries is how many connections a statement is tried on.
const mostTries = 3

// lateLimit is how long a statement may run on after its caller has left.
const lateLimit = 5 * time.Second

// An outcome is what has become of a statement that changes rows.
type outcome struct {
	rows int64

	// unsure says that the statement may have been executed once more than
	// that: that time, or if there is an error, its outcome is not known.
	unsure bool

	// late is not nil if the statement is still under way, although its
	// caller's context has ended. It is closed when the statement ends.
	late <-chan struct{}
}

// exec runs a statement that changes rows.
//
// DB.ExecContext does not say whether it has executed the statement twice. It
// repeats a statement whenever the driver returns driver.ErrBadConn. A driver
// should do that only if the statement cannot have been executed; that of pgx does
// if none of it was written, or the connection was closed before (stdlib's
// Conn.ExecContext, pgconn.SafeToRetry). But not all drivers have kept to that,
// and to a swap that is executed twice its own change is another one's.
// Conn.ExecContext repeats nothing.
func (s *Store) exec(ctx context.Context, query string, args ...any) (outcome, error) {
	var unsure bool
	var pause backoff
	for try := 1; ; {
		o, err := s.execOnce(ctx, query, args)
		switch {
		case err == nil:
			o.unsure = unsure
			return o, nil
		case undone(err):
			if err := pause.wait(ctx, lastPause); err != nil {
				return outcome{unsure: unsure}, err
			}
		case errors.Is(err, driver.ErrBadConn) && try < mostTries:
			unsure = unsure || o.unsure
			try++
		default:
			o.unsure = o.unsure || unsure
			return o, err
		}
	}
}

// execOnce is unsure with an error if the statement was handed to the driver.
//
// A driver of PostgreSQL that is interrupted leaves the statement with the server,
// and returns before the server does: the change would come about later, perhaps
// after the next one. So the statement is let run, to its end or lateLimit. A
// goroutine waits for it. A driver of SQLite returns when the statement has ended.
func (s *Store) execOnce(ctx context.Context, query string, args []any) (outcome, error) {
	conn, err := s.DB.Conn(ctx)
	if err != nil {
		return outcome{}, err
	}
	if s.Dialect == SQLite {
		defer conn.Close() // back to the pool
		rows, err := affected(conn.ExecContext(ctx, query, args...))
		return outcome{rows: rows, unsure: err != nil}, err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	var rows int64 // as err, written before done is closed, and read after
	go func() {
		defer close(done)
		defer cancel()
		defer conn.Close()
		rows, err = affected(conn.ExecContext(run, query, args...))
	}()
	select {
	case <-done:
		return outcome{rows: rows, unsure: err != nil}, err
	case <-ctx.Done():
		time.AfterFunc(lateLimit, cancel)
		return outcome{unsure: true, late: done}, ctx.Err()
	}
}

func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// write runs a statement that changes the value of key.
func (s *Store) write(ctx context.Context, key, query string, args ...any) (outcome, error) {
	if err := s.late.wait(ctx, key); err != nil {
		return outcome{}, err
	}
	o, err := s.exec(ctx, query, append([]any{id(key)}, args...)...)
	if o.late != nil {
		s.late.add(key, o.late)
	}
	return o, err
}

// read reads the value of key.
func (s *Store) read(ctx context.Context, key string) (data []byte, err error) {
	if err := s.late.wait(ctx, key); err != nil {
		return nil, err
	}
	err = s.query(ctx, &data, s.sql.get, id(key))
	return data, err
}

// query reads the one column of a row into dest. It may be repeated freely.
func (s *Store) query(ctx context.Context, dest any, query string, args ...any) error {
	for pause := new(backoff); ; {
		err := s.DB.QueryRowContext(ctx, query, args...).Scan(dest)
		if err == nil || !undone(err) {
			return err
		}
		if err := pause.wait(ctx, lastPause); err != nil {
			return err
		}
	}
}

// undone reports whether the database has refused to run a statement beside
// others, and has undone what it did, so that it may be repeated. Others have
// come further meanwhile, or will.
func undone(err error) bool {
	if state, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok { // pgx, lib/pq
		return state.SQLState() == "40001" // serialization_failure
	}
	// The text of SQLITE_BUSY, in all its forms, and of SQLITE_LOCKED, by
	// sqlite3_errstr: the one thing that all drivers have in common. SQLite
	// rolls back a statement that was to commit by itself (sqlite3VdbeHalt).
	text := err.Error()
	return strings.Contains(text, "database is locked") || strings.Contains(text, "database table is locked")
}

// failed returns err, of a driver, as one of op. It matches ctx's if that has
// ended, and nothing else: not errors.ErrUnsupported, which means something
// from a Locker, nor what a Detail of PostgreSQL hangs on, which can hold a row.
func failed(ctx context.Context, op string, err error, secrets ...[]byte) error {
	text := err.Error()
	for _, secret := range secrets {
		if quotes(text, secret) {
			text = "the driver's message is withheld, since it quotes the value: see that the columns have the types of Schema"
		}
	}
	if lacksTable(err) {
		text += "; run the statements of Schema first"
	}
	switch ended := ctx.Err(); {
	case ended == nil:
		return fmt.Errorf("sqlstore: %s: %s", op, text)
	case errors.Is(err, ended):
		return fmt.Errorf("sqlstore: %s: %w", op, ended)
	default: // such as "interrupted"
		return fmt.Errorf("sqlstore: %s: %w (%s)", op, ended, text)
	}
}

// lacksTable reports whether a statement failed because there is no such table.
func lacksTable(err error) bool {
	if state, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return state.SQLState() == "42P01" // undefined_table
	}
	return strings.Contains(err.Error(), "no such table") // SQLite
}

// secretPrefix is how much of a value is looked for in a message. What is
// shorter is not secret.
const secretPrefix = 8

// quotes reports whether text has the beginning of secret, in one of the forms
// in which programs print bytes. PostgreSQL prints a parameter that does not fit
// the type of its column, as text or in hex.
func quotes(text string, secret []byte) bool {
	if len(secret) < secretPrefix {
		return false
	}
	secret = secret[:secretPrefix]
	inner := func(format, prefix, suffix string) string {
		return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf(format, secret), prefix), suffix)
	}
	for _, form := range []string{
		string(secret), hex.EncodeToString(secret),
		inner("%q", `"`, `"`), inner("%v", "[", "]"), inner("%#v", "[]byte{", "}"),
	} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}
