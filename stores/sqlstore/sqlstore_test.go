package sqlstore_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"example.com/bearer"
	"example.com/bearer/stores/sqlstore"
	"example.com/bearer/stores/storetest"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) bearer.Store {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "t.db")+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		if _, err := db.Exec(sqlstore.Schema(sqlstore.SQLite)); err != nil {
			t.Fatal(err)
		}
		return &sqlstore.Store{DB: db, Dialect: sqlstore.SQLite}
	})
}
