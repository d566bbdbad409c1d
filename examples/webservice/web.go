package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	_ "modernc.org/sqlite"

	"example.com/bearer"
	"example.com/bearer/grant"
	"example.com/bearer/stores/sqlstore"
)

// What follows is what any web service has.

// env returns the value of an environment variable that must be set.
func env(name string) string {
	value := os.Getenv(name)
	if value == "" {
		log.Fatalf("set %s in the environment: see main.go", name)
	}
	return value
}

// mustOpen opens the SQLite database in a file. It makes the tables if need be.
func mustOpen(file string) *sql.DB {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(ON)")
	if err != nil {
		log.Fatal(err)
	}
	db.SetMaxOpenConns(1) // writers queue, rather than poll for the lock of the file
	if _, err := db.Exec(sqlstore.Schema(sqlstore.SQLite)); err != nil {
		log.Fatal(err)
	}
	return db
}

// serve serves h until the program is told to end. It finishes what is under
// way then, and calls end, both for at most 30 s.
func serve(addr string, h http.Handler, end func(context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	srv := &http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- srv.ListenAndServe() }()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := errors.Join(err, srv.Shutdown(ctx), end(ctx)); err != nil {
		log.Fatal(err)
	}
}

// startSession begins the session of a login, and returns the key of its user.
// The session is made of the token, so that it is the same one if the browser
// loads the page of the callback again.
func startSession(w http.ResponseWriter, key grant.Secret, token *bearer.Token) string {
	id := mac(key, "session", token.AccessToken)
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: id, Path: "/", MaxAge: 30 * 24 * 3600,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return mac(key, "user", id)
}

// session returns the key of the user whose session a request belongs to, and
// "" if there is none.
func session(r *http.Request, key grant.Secret) string {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return ""
	}
	return mac(key, "user", c.Value)
}

// The prefix makes the browser take it from this very host only.
const sessionCookie = "__Host-session"

// mac tells nobody text who does not know key. The database and logs have the
// key of a user, and from that nobody can make the session.
func mac(key grant.Secret, purpose, text string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(purpose + "\x00" + text))
	return hex.EncodeToString(h.Sum(nil))
}

// failed begins a login if that is what a request lacks.
func failed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, bearer.ErrNoKey) || errors.Is(err, bearer.ErrLoginRequired) {
		http.Redirect(w, r, "/login/?return_to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	log.Print(err)
	http.Error(w, "Matrica cannot be reached: try again later.", http.StatusBadGateway)
}
