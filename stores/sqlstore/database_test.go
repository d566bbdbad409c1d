package sqlstore_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"

	"example.com/bearer/stores/sqlstore"
)

// A database is an empty pair of tables, for one test.
type database struct {
	dialect sqlstore.Dialect
	dsn     string
	table   string
}

// sqliteOptions are those that the package's documentation recommends.
const sqliteOptions = "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(ON)"

// sqliteQuick are those for tests that write thousands of times: the disk need
// not have it.
const sqliteQuick = sqliteOptions + "&_pragma=synchronous(OFF)"

// sqliteDatabase is a file in a temporary folder.
func sqliteDatabase(t testing.TB, options string) *database {
	return set(t, &database{
		dialect: sqlstore.SQLite,
		dsn:     "file:" + filepath.Join(t.TempDir(), "tokens.db") + options,
	})
}

// postgresURL is where the tests find a server, in which they make tables of
// their own. Without it they run with SQLite only.
func postgresURL() string { return os.Getenv("BEARER_POSTGRES") }

// postgresDatabase is a pair of tables of the server that BEARER_POSTGRES names.
// options are settings of pgx and the session.
func postgresDatabase(t testing.TB, options ...string) *database {
	u, err := url.Parse(postgresURL())
	if err != nil {
		t.Fatal("BEARER_POSTGRES is not a URL") // whose error has the password
	}
	query := u.Query()
	for i := 0; i < len(options); i += 2 {
		query.Set(options[i], options[i+1])
	}
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // pgx takes a plus for one
	return set(t, &database{
		dialect: sqlstore.Postgres,
		dsn:     u.String(),
		table:   "t_" + strings.ToLower(rand.Text()),
	})
}

func set(t testing.TB, d *database) *database {
	ddl, err := d.store(nil).Schema()
	if err != nil {
		t.Fatal(err)
	}
	db := d.open(t)
	if _, err := db.Exec(ddl); err != nil {
		t.Fatal(err)
	}
	if d.table != "" {
		t.Cleanup(func() {
			if _, err := db.Exec("DROP TABLE " + d.table + ", " + d.table + "_lease"); err != nil {
				t.Error(err)
			}
		})
	}
	return d
}

// open returns another pool of connections, as another process would have.
func (d *database) open(t testing.TB) *sql.DB { return d.openWith(t, nil) }

// openWith is open with faults between the Store and the driver.
func (d *database) openWith(t testing.TB, f *faults) *sql.DB {
	db, err := d.connect(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func (d *database) connect(f *faults) (*sql.DB, error) {
	open := sqlite.NewConnector
	if d.dialect == sqlstore.Postgres {
		open = stdlib.GetDefaultDriver().(driver.DriverContext).OpenConnector
	}
	connector, err := open(d.dsn)
	if err != nil {
		return nil, err
	}
	if f != nil {
		connector = &faultyConnector{connector, f}
	}
	return sql.OpenDB(connector), nil
}

// store returns a Store of the tables. Its leases are longer than any test, but
// for those that are about their end.
func (d *database) store(db *sql.DB) *sqlstore.Store {
	return &sqlstore.Store{DB: db, Dialect: d.dialect, Table: d.table, LeaseDuration: time.Hour}
}

// new is store with connections of its own.
func (d *database) new(t testing.TB) *sqlstore.Store { return d.store(d.open(t)) }

// names returns the tables' names for statements of tests.
func (d *database) names() (values, lease string) {
	table := d.table
	if table == "" {
		table = "bearer_tokens"
	}
	return table, table + "_lease"
}

// databases runs a test with SQLite, and with PostgreSQL if there is one.
func databases(t *testing.T, test func(t *testing.T, d *database)) {
	t.Run("SQLite", func(t *testing.T) { test(t, sqliteDatabase(t, sqliteOptions)) })
	if postgresURL() != "" {
		t.Run("PostgreSQL", func(t *testing.T) { test(t, postgresDatabase(t)) })
	}
}

// The tests use PostgreSQL, too.
func TestPostgresIsThere(t *testing.T) {
	switch {
	case postgresURL() != "":
	case os.Getenv("BEARER_STORES") == "1":
		t.Fatal("BEARER_POSTGRES is not set: it is the postgres:// URL of a server for these tests")
	default:
		t.Skip("BEARER_POSTGRES is not set: only SQLite is tested")
	}
}

// faults are what happens to statements between a Store and its driver. A
// statement is told from others by a part of its text.
type faults struct {
	// before is called with each statement. If it returns an error, the
	// statement is not executed.
	before func(ctx context.Context, query string) error

	// after is called with each that has been executed without error. If it
	// returns an error, the Store gets that instead of the outcome.
	after func(ctx context.Context, query string) error
}

type faultyConnector struct {
	driver.Connector
	faults *faults
}

func (c *faultyConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyConn{conn, c.faults}, nil
}

// faultyConn has the optional methods that the two drivers have in common.
type faultyConn struct {
	driver.Conn
	faults *faults
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.faults.before != nil {
		if err := c.faults.before(ctx, query); err != nil {
			return nil, err
		}
	}
	result, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
	if err == nil && c.faults.after != nil {
		err = c.faults.after(ctx, query)
	}
	return result, err
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.faults.before != nil {
		if err := c.faults.before(ctx, query); err != nil {
			return nil, err
		}
	}
	rows, err := c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
	if err == nil && c.faults.after != nil {
		if err = c.faults.after(ctx, query); err != nil {
			_ = rows.Close()
		}
	}
	return rows, err
}

func (c *faultyConn) ResetSession(ctx context.Context) error {
	return c.Conn.(driver.SessionResetter).ResetSession(ctx)
}

func (c *faultyConn) IsValid() bool {
	if v, ok := c.Conn.(driver.Validator); ok {
		return v.IsValid()
	}
	return true
}

func (c *faultyConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// until waits for a condition that another goroutine, or the database, brings
// about.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not so after 30 s: %s", what)
		}
	}
}
