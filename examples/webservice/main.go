// Command webservice shows its users what Matrica has of them. They log in with
// Matrica; an SQLite file keeps their tokens, so that a restart ends no login.
//
//	CLIENT_ID=ID URL=http://localhost:8080 DATABASE=tokens.db KEY=$(openssl rand -hex 32) go run .
//
// serves http://localhost:8080. Matrica must know URL/login/callback as a redirect
// URL of the client. Another KEY ends all sessions.
package main

import (
	"context"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"

	"example.com/bearer"
	"example.com/bearer/grant"
	"example.com/bearer/login"
	"example.com/bearer/pool"
	"example.com/bearer/providers/matrica"
	"example.com/bearer/stores/sqlstore"
)

func main() {
	app := matrica.App{ClientID: env("CLIENT_ID"), RedirectURL: env("URL") + "/login/callback"}.User()
	store := &sqlstore.Store{DB: mustOpen(env("DATABASE")), Dialect: sqlstore.SQLite}
	api := &url.URL{Scheme: "https", Host: "api.matrica.io"}
	handler, users := service(app, api, store, grant.Secret(env("KEY")))
	serve("localhost:8080", handler, users.Close)
}

// service is the web service. Whoever has no session, or no login that is good,
// is sent to log in.
func service(app grant.AuthorizationCode, api *url.URL, store bearer.Store, key grant.Secret) (http.Handler, *pool.Pool) {
	users := &pool.Pool{MaxEntries: 100_000, MaxRefreshes: 50}
	users.New = func(context.Context, string) (*bearer.Cache, error) {
		return &bearer.Cache{Source: app, Store: store}, nil
	}
	logins := login.Handler{RedirectURL: app.RedirectURL, Key: key, Flow: func(string) login.Flow { return app }}
	logins.Done = func(w http.ResponseWriter, r *http.Request, token *bearer.Token) {
		user, err := users.Get(r.Context(), startSession(w, key, token))
		if err == nil {
			err = user.Set(r.Context(), token)
		}
		if err != nil {
			log.Print(err)
		}
		http.Redirect(w, r, login.ReturnTo(r), http.StatusSeeOther)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /login/", logins)
	mux.Handle("GET /", &httputil.ReverseProxy{
		Transport: &bearer.Transport{CacheFor: users.CacheFor},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(api)
			r.Out.Header.Del("Cookie")
			r.Out = r.Out.WithContext(pool.WithKey(r.Out.Context(), session(r.In, key)))
		},
		ErrorHandler: failed,
	})
	return mux, users
}
