package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/bearer"
	"example.com/bearer/stores/sqlstore"
	"example.com/bearer/stores/storetest"
)

var _ interface {
	bearer.Store
	bearer.Locker
	bearer.Swapper
	Lease() time.Duration
} = (*sqlstore.Store)(nil)

// contract runs the whole contract, for one Store and for two that share tables.
func contract(t *testing.T, open func(t *testing.T) *database) {
	t.Run("one", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) bearer.Store { return open(t).new(t) })
	})
	t.Run("two", func(t *testing.T) { shared(t, open) })
}

func shared(t *testing.T, open func(t *testing.T) *database) {
	storetest.RunShared(t, func(t *testing.T) (a, b bearer.Store) {
		d := open(t)
		return d.new(t), d.new(t)
	})
}

func TestContract(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		contract(t, func(t *testing.T) *database { return sqliteDatabase(t, sqliteQuick) })
	})
	if postgresURL() == "" {
		return
	}
	t.Run("PostgreSQL", func(t *testing.T) {
		contract(t, func(t *testing.T) *database { return postgresDatabase(t) })
	})
	// As behind a proxy in transaction mode, and at other isolation levels.
	for _, options := range [][]string{
		{"default_query_exec_mode", "exec", "default_transaction_isolation", "repeatable read"},
		{"default_query_exec_mode", "simple_protocol", "default_transaction_isolation", "serializable"},
	} {
		t.Run("PostgreSQL "+strings.Join(options, " "), func(t *testing.T) {
			shared(t, func(t *testing.T) *database { return postgresDatabase(t, options...) })
		})
	}
}

// The statements of Schema can be run again, and leave what is there.
func TestSchemaTwice(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		s := d.new(t)
		if err := s.Put(t.Context(), "k", []byte("v")); err != nil {
			t.Fatal(err)
		}
		ddl, err := s.Schema()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.DB.Exec(ddl); err != nil {
			t.Errorf("Schema again: got error %v, want none", err)
		}
		if got, err := s.Get(t.Context(), "k"); string(got) != "v" || err != nil {
			t.Errorf("Get: got %q and error %v, want %q", got, err, "v")
		}
	})
}

// Schema is what a Store without a Table uses, and a Table is found in a schema.
func TestSchemaNames(t *testing.T) {
	for _, dialect := range []sqlstore.Dialect{sqlstore.Postgres, sqlstore.SQLite} {
		for table, want := range map[string][2]string{
			"":        {`"bearer_tokens"`, `"bearer_tokens_lease"`},
			"a.Order": {`"a"."Order"`, `"a"."Order_lease"`},
		} {
			ddl, err := (&sqlstore.Store{Dialect: dialect, Table: table}).Schema()
			if err != nil || !strings.Contains(ddl, "EXISTS "+want[0]+" (") || !strings.Contains(ddl, "EXISTS "+want[1]+" (") {
				t.Errorf("Schema of Table %q: got error %v and\n%swant tables %s", table, err, ddl, want)
			}
			if table == "" && ddl != sqlstore.Schema(dialect) {
				t.Errorf("Schema(%d): got\n%swant\n%s", dialect, sqlstore.Schema(dialect), ddl)
			}
		}
	}
	if got := sqlstore.Schema(0); got != "" {
		t.Errorf("Schema(0): got %q, want nothing", got)
	}
	databases(t, func(t *testing.T, d *database) {
		s := d.new(t)
		schema := "main"
		if d.dialect == sqlstore.Postgres {
			schema = "public"
		}
		values, _ := d.names()
		s.Table = schema + "." + values
		if err := s.Put(t.Context(), "k", []byte("v")); err != nil {
			t.Errorf("Put with Table %q: got error %v, want none", s.Table, err)
		}
	})
}

// A field that is wrong is named by each method, without the database.
func TestFields(t *testing.T) {
	db := sqliteDatabase(t, "").open(t)
	ok := func() *sqlstore.Store { return &sqlstore.Store{DB: db, Dialect: sqlstore.SQLite} }
	for want, s := range map[string]*sqlstore.Store{
		"Store.DB is nil":                {Dialect: sqlstore.SQLite},
		"Store.Dialect is 0":             {DB: db},
		"Store.Dialect is 3":             {DB: db, Dialect: 3},
		"Store.LeaseDuration is 99ms":    {DB: db, Dialect: sqlstore.SQLite, LeaseDuration: 99 * time.Millisecond},
		"Store.LeaseDuration is -1s":     {DB: db, Dialect: sqlstore.SQLite, LeaseDuration: -time.Second},
		`Store.Table is "a b"`:           {DB: db, Dialect: sqlstore.SQLite, Table: "a b"},
		`Store.Table is "a\""`:           {DB: db, Dialect: sqlstore.SQLite, Table: `a"`},
		`Store.Table is "a.b.c"`:         {DB: db, Dialect: sqlstore.SQLite, Table: "a.b.c"},
		`Store.Table is "."`:             {DB: db, Dialect: sqlstore.SQLite, Table: "."},
		`Store.Table is "1a"`:            {DB: db, Dialect: sqlstore.SQLite, Table: "1a"},
		`Store.Table is "é"`:             {DB: db, Dialect: sqlstore.SQLite, Table: "é"},
		strings.Repeat("a", 58):          {DB: db, Dialect: sqlstore.SQLite, Table: strings.Repeat("a", 58)},
		"sqlstore: the key is empty":     ok(),
		"; run the statements of Schema": {DB: db, Dialect: sqlstore.SQLite, Table: "bearer_tokens1"},
	} {
		key := "k"
		if strings.Contains(want, "key") {
			key = ""
		}
		for name, err := range calls(t.Context(), s, key, []byte("v")) {
			if err == nil || strings.Count(err.Error(), want) != 1 || errors.Is(err, bearer.ErrNotFound) || errors.Is(err, bearer.ErrChanged) {
				t.Errorf("%s: got error %v, want one with %q", name, err, want)
			}
		}
	}
	if got := ok().Lease(); got != 15*time.Second {
		t.Errorf("Lease: got %v, want 15s", got)
	}
}

// calls makes each call, and returns the errors.
func calls(ctx context.Context, s *sqlstore.Store, key string, v []byte) map[string]error {
	errs := map[string]error{}
	_, errs["Get"] = s.Get(ctx, key)
	errs["Put"] = s.Put(ctx, key, v)
	errs["Delete"] = s.Delete(ctx, key)
	errs["Swap nil for nil"] = s.Swap(ctx, key, nil, nil)
	errs["Swap nil"] = s.Swap(ctx, key, nil, v)
	errs["Swap"] = s.Swap(ctx, key, v, []byte("another"))
	errs["Swap for nil"] = s.Swap(ctx, key, v, nil)
	unlock, err := s.Lock(ctx, key)
	if err == nil {
		err = unlock()
	}
	errs["Lock"] = err
	return errs
}

// Keys of any length are kept apart, also those that look like the form in which
// longer ones are stored.
func TestLongKeys(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		s := d.new(t)
		values, _ := d.names()
		long := strings.Repeat("k", 1<<20)
		if err := s.Put(t.Context(), long, []byte("long")); err != nil {
			t.Fatal(err)
		}
		var stored []byte
		if err := s.DB.QueryRow("SELECT key FROM " + values).Scan(&stored); err != nil {
			t.Fatal(err)
		}
		keys := []string{long, string(stored), string(stored[:len(stored)-1]), long[1:], long + "k"}
		for i, key := range keys {
			if err := s.Put(t.Context(), key, fmt.Append(nil, i)); err != nil {
				t.Fatalf("Put of a key of %d bytes: got error %v, want none", len(key), err)
			}
		}
		for i, key := range keys {
			if got, err := s.Get(t.Context(), key); string(got) != fmt.Sprint(i) || err != nil {
				t.Errorf("Get of a key of %d bytes: got %q and error %v, want %d", len(key), got, err, i)
			}
		}
	})
}

// Errors hold no value, even where the driver prints its arguments and the
// database the row.
func TestErrorsHoldNoValue(t *testing.T) {
	const secret = "s3cr3t-refresh-token"
	databases(t, func(t *testing.T, d *database) {
		values, _ := d.names()
		check := func(t *testing.T, s *sqlstore.Store, failing ...string) {
			errs := calls(t.Context(), s, "k", []byte(secret))
			for _, name := range failing {
				if errs[name] == nil {
					t.Errorf("%s: got no error, want one", name)
				}
			}
			for name, err := range errs {
				if err == nil || err == bearer.ErrChanged || err == bearer.ErrNotFound {
					continue
				}
				if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
					t.Errorf("%s: got an error that hands out what the server said: %+v", name, pg)
				}
				if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, secret) || strings.Contains(text, "0x73, 0x33") || strings.Contains(text, "[115 51") || strings.Contains(text, fmt.Sprintf("%x", secret)) {
					t.Errorf("%s: got an error with the value: %s", name, text)
				}
			}
		}
		db := d.open(t)
		if d.dialect == sqlstore.Postgres {
			if _, err := db.Exec("ALTER TABLE " + values + " ADD CONSTRAINT short CHECK (length(value) < 10)"); err != nil {
				t.Fatal(err)
			}
			check(t, d.store(db), "Put", "Swap nil")
			if _, err := db.Exec("DROP TABLE " + values + "; CREATE TABLE " + values + " (key bytea PRIMARY KEY, value point)"); err != nil {
				t.Fatal(err)
			}
			check(t, d.store(d.open(t)), "Put", "Swap nil", "Swap", "Swap for nil")
			return
		}
		for _, format := range []string{"%s", "%x", "%q", "%v", "%#v"} {
			f := &faults{before: func(_ context.Context, query string) error {
				if !strings.Contains(query, "?2") || strings.Contains(query, "owner") {
					return nil // it has no value
				}
				return fmt.Errorf("cannot do %q with "+format, query, []byte(secret))
			}}
			check(t, d.store(d.openWith(t, f)), "Put", "Swap nil", "Swap", "Swap for nil")
		}
	})
}
