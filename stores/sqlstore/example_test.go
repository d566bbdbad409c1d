package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver

	"example.com/bearer"
	"example.com/bearer/stores/sqlstore"
)

// Programs on one machine share a file: together they ask for one token.
func Example() {
	dir, err := os.MkdirTemp("", "tokens") // with mode 0700
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "tokens.db")+
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(ON)")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(sqlstore.Schema(sqlstore.SQLite)); err != nil { // or in your migrations
		log.Fatal(err)
	}
	store := &sqlstore.Store{DB: db, Dialect: sqlstore.SQLite}

	var requests int
	source := bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
		requests++ // in earnest: a grant of package grant
		return &bearer.Token{AccessToken: "the-token", Expiry: time.Now().Add(time.Hour)}, nil
	})
	for range 3 { // as three programs would
		cache := &bearer.Cache{Source: source, Store: store, Key: "billing"}
		token, err := cache.Token(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(token.AccessToken)
	}
	fmt.Println("token requests:", requests)
	// Output:
	// the-token
	// the-token
	// the-token
	// token requests: 1
}
