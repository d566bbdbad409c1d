// Package sqlstore keeps credentials in a SQL database that a fleet shares:
// PostgreSQL, or SQLite for the processes of one machine.
//
//	db, err := sql.Open("pgx", "postgres://app@db.internal/app")
//	if err != nil {
//		return err
//	}
//	cache := &bearer.Cache{
//		Source: source,
//		Store:  &sqlstore.Store{DB: db, Dialect: sqlstore.Postgres},
//		Key:    "billing",
//	}
//	client := &http.Client{Transport: &bearer.Transport{Source: cache}}
//
// The package imports database/sql only. The program imports the driver:
// github.com/jackc/pgx/v5/stdlib and modernc.org/sqlite are the ones that its
// tests use.
//
// # Tables
//
// [Schema] returns the statements that make the two tables. Run them with the
// program's other migrations, as a role that may create tables. The role of the
// program needs no more than this:
//
//	GRANT SELECT, INSERT, UPDATE, DELETE ON bearer_tokens, bearer_tokens_lease TO app;
//
// A row of bearer_tokens is a credential: its key, and the record that the Cache
// writes. Keys longer than 1,023 bytes are stored as a prefix and a hash. A row
// of bearer_tokens_lease is a lock that is held, or one whose holder has died;
// rows whose expires is past may be deleted.
//
// # What is secret
//
// Values hold tokens in the clear, unless a cryptstore.EncryptedStore encrypts
// them. Whoever reads the tables, a backup or a replica reads them. So does
// who reads the server's log, if it logs parameters of statements: set
// log_parameter_max_length and log_parameter_max_length_on_error to 0 if
// statements are logged. Errors of a Store hold no value.
//
// # Locks
//
// A lock is a row with an owner and an end, by the clock of the database: clocks
// of the processes do not matter. A clock of the database that is set forward
// ends leases early; one that is set back by more than a lease ends them, too,
// rather than keep the locks of the dead. No connection is held while the token
// endpoint is waited for, and an idle Store makes no traffic and has no
// goroutine. A waiter asks four times a second or more, once per process and key.
//
// A holder that is suspended for longer than its lease may find that another one
// has the lock. Its unlock returns an error then, and its Swap [bearer.ErrChanged]
// if the other one has changed the value.
//
// # PostgreSQL
//
// Each operation is one statement that commits by itself, at any isolation
// level. It needs nothing of the session. Behind a PgBouncer in transaction mode,
// pgx must not prepare statements by name: add default_query_exec_mode=exec to
// the connection string, unless PgBouncer is 1.21 or later and has
// max_prepared_statements.
//
// The DB must be the primary. When Put or Swap has returned nil, the value is on
// the primary's disk, unless synchronous_commit is off for the role or the
// database. A failover to an asynchronous replica loses what the replica had not
// received: a refresh token that was stored last, and with it the login if the
// server rotates; a lock that was taken last, so that two processes may hold it
// until its first holder renews it. Where a login must survive that, use
// a synchronous replica (synchronous_standby_names).
//
// # SQLite
//
// Processes of one machine share the file, on a local disk. The connection
// string that the tests use, for modernc.org/sqlite, is
//
//	file:/var/lib/app/tokens.db?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(ON)
//
// With busy_timeout first, the others wait for processes that open the file at
// the same time; with synchronous(FULL), what Put has stored survives a power
// failure; with secure_delete(ON), replaced tokens do not stay in free pages. A
// database that is busy for longer is waited for until the context ends. SQLite
// makes the file with mode 0644 less the umask: keep it in a folder with mode
// 0700. DB.SetMaxOpenConns(1) is faster where many goroutines write: they queue
// for the connection, rather than poll for the lock of the file.
package sqlstore
