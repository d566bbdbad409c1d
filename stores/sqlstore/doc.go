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
// them: in the tables, in backups and on replicas, and in the log of a server
// that logs statements with their parameters. Set log_parameter_max_length and
// log_parameter_max_length_on_error to 0 on such a server, and do not use pgx's
// simple_protocol there, which writes the values into the statements. Errors of
// a Store hold no value.
//
// # Locks
//
// A lock is a row with an owner and an end, by the clock of the database; clocks
// of the processes do not matter. If the database's clock is set forward, leases
// end early; if it is set back by more than a lease, they end, too, rather than
// keep the locks of the dead. No connection is held while the token endpoint is
// waited for. One waiter per process and key asks the database, every 10 to
// 250 ms. An idle Store makes no traffic and has no goroutine.
//
// A holder that was suspended for longer than its lease may find that another one
// has the lock. Its unlock returns an error then, and its Swap
// [bearer.ErrChanged] if the other one has changed the value.
//
// # PostgreSQL
//
// Each operation is one statement that commits by itself, at any isolation
// level, and needs nothing of the session. Behind a PgBouncer in transaction mode,
// pgx must not prepare statements by name: add default_query_exec_mode=exec to
// the connection string, unless PgBouncer is 1.21 or later and has
// max_prepared_statements.
//
// The DB must be the primary. Once Put or Swap has returned nil, the value is on
// the primary's disk, unless synchronous_commit is off for the role or the
// database.
//
// A failover to an asynchronous replica loses what the replica had not received
// yet. That can be the refresh token that was stored last, and with it the login,
// if the server rotates refresh tokens; or a lock that was taken last, which
// another process may then get, too. Its first holder learns of that from unlock,
// and Swap protects the value. Where a login must survive a failover, use
// a synchronous replica (synchronous_standby_names).
//
// # SQLite
//
// Processes of one machine share the file, on a local disk. With modernc.org/sqlite,
// use this connection string:
//
//	file:/var/lib/app/tokens.db?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(ON)
//
// With busy_timeout first, processes that open the file at the same time wait for
// each other; with synchronous(FULL), what Put has stored survives a power
// failure; with secure_delete(ON), replaced tokens do not stay in free pages.
// A file that is busy for longer is waited for until the context ends.
//
// SQLite makes the file with mode 0644 less the umask: keep it in a folder with
// mode 0700.
package sqlstore
