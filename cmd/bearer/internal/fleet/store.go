package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"example.com/bearer"
	"example.com/bearer/internal/tcpcut"
	"example.com/bearer/stores/redisstore"
	"example.com/bearer/stores/sqlstore"
)

// lease is how long a lock lasts whose holder is not heard of, in Stores that
// have leases; stops are longer.
const (
	lease      = 3 * time.Second
	stopLength = lease * 3 / 2
)

// Dir is the Store that is a temporary folder.
const Dir = "dir"

// Stores says how a Store is named, for a flag's help.
const Stores = "dir for a temporary folder, a folder's path with a separator in it, or a URL that begins with redis://, rediss:// or postgres://"

var errStore = errors.New("must be " + Stores)

// A backend opens a Store. dial, if it is not empty, is the address to reach it
// at instead of its own. A worker's is the fleet's own part of it, by this name.
type backend struct {
	open func(store, dial, name string) (s bearer.Store, close func() error, err error)

	// address is where a Store is reached; nil if that is no network.
	address func(store string) (string, error)
	// prepare makes the fleet's own part, and remove removes it; nil if there is
	// nothing to make.
	prepare, remove func(ctx context.Context, s bearer.Store) error
}

// backendOf returns how a Store is opened, by how it is named; nil if it cannot
// be.
func backendOf(store string) *backend {
	scheme, _, isURL := strings.Cut(store, "://")
	switch {
	case isURL && (scheme == "postgres" || scheme == "postgresql"):
		return &postgres
	case isURL && (scheme == "redis" || scheme == "rediss"):
		return &redisServer
	case isURL:
		return nil
	case store == Dir, filepath.IsAbs(store), strings.ContainsRune(filepath.ToSlash(store), '/'):
		return &folder
	}
	return nil
}

// CheckStore returns what is wrong with the name of a Store. The error does not
// show it, because it may have a password in it.
func CheckStore(store string) error {
	b := backendOf(store)
	if b == nil {
		return errStore
	}
	if info, err := os.Stat(store); b == &folder && store != Dir && err == nil && !info.IsDir() {
		return fmt.Errorf("%s: is a file, not a folder", store)
	}
	if b.address != nil {
		_, err := b.address(store)
		return err
	}
	return nil
}

// shown returns the name of a Store without user, password and parameters.
func shown(store string) string {
	if store == Dir {
		return "a temporary folder"
	}
	if !strings.Contains(store, "://") {
		return store
	}
	u, err := url.Parse(store)
	if err != nil {
		return "a store"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

var folder = backend{
	open: func(store, _, _ string) (bearer.Store, func() error, error) {
		return bearer.DirStore(store), func() error { return nil }, nil
	},
}

var redisServer = backend{
	open: func(store, dial, name string) (bearer.Store, func() error, error) {
		options, err := parseRedis(store)
		if err != nil {
			return nil, nil, err
		}
		if dial != "" {
			options.Addr = dial // TLS still expects the host's name
		}
		logging.Disable() // what fails is an error too
		client := redis.NewClient(options)
		return &redisstore.Store{Client: client, Prefix: name + ":", LeaseDuration: lease}, client.Close, nil
	},
	address: func(store string) (string, error) {
		options, err := parseRedis(store)
		if err != nil {
			return "", err
		}
		return options.Addr, nil
	},
	prepare: func(ctx context.Context, s bearer.Store) error {
		return s.(*redisstore.Store).Client.Ping(ctx).Err()
	},
	remove: func(ctx context.Context, s bearer.Store) error {
		own := s.(*redisstore.Store)
		keys, err := own.Client.Keys(ctx, own.Prefix+"*").Result()
		if err != nil || len(keys) == 0 {
			return err
		}
		return own.Client.Del(ctx, keys...).Err()
	},
}

func parseRedis(store string) (*redis.Options, error) {
	options, err := redis.ParseURL(store)
	if err != nil { // which may quote the URL
		return nil, errors.New("is not a URL of a Redis server as go-redis reads them: redis://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	return options, nil
}

var postgres = backend{
	open: func(store, dial, name string) (bearer.Store, func() error, error) {
		cfg, err := parsePostgres(store)
		if err != nil {
			return nil, nil, err
		}
		if dial != "" {
			cfg.DialFunc = dialing(dial)
			cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
		}
		db := stdlib.OpenDB(*cfg)
		return &sqlstore.Store{DB: db, Dialect: sqlstore.Postgres, Table: name, LeaseDuration: lease}, db.Close, nil
	},
	address: func(store string) (string, error) {
		cfg, err := parsePostgres(store)
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(cfg.Host, "/") || strings.HasPrefix(cfg.Host, "@") {
			return "", errors.New("must name the database's host: a Unix socket cannot be cut")
		}
		return net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port))), nil
	},
	prepare: func(ctx context.Context, s bearer.Store) error {
		own := s.(*sqlstore.Store)
		ddl, err := own.Schema()
		if err == nil {
			_, err = own.DB.ExecContext(ctx, ddl)
		}
		return err
	},
	remove: func(ctx context.Context, s bearer.Store) error {
		own := s.(*sqlstore.Store)
		_, err := own.DB.ExecContext(ctx, "DROP TABLE "+own.Table+", "+own.Table+"_lease")
		return err
	},
}

func parsePostgres(store string) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(store)
	if err != nil { // which quotes the URL
		return nil, errors.New("is not a URL of a PostgreSQL database as pgx reads them: postgres://USER@HOST:PORT/DATABASE")
	}
	return cfg, nil
}

// dialing returns a function that dials one address, whatever it is asked for.
// The host's name is still the one that TLS expects.
func dialing(address string) func(ctx context.Context, network, _ string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address)
	}
}

// A shared is the Store of a fleet as the parent has it, which is not cut off.
type shared struct {
	bearer.Store
	backend   *backend
	where     string // what workers open
	name      string
	temporary bool         // a folder that goes with the run
	prepared  bool         // there may be something to remove
	link      *tcpcut.Link // the workers' way to it, which can be cut; nil: they cut it off themselves
	closing   func() error
}

// openShared opens a Store. name is that of the fleet's own part of it.
func openShared(ctx context.Context, f Fleet, name string) (s *shared, err error) {
	s = &shared{backend: backendOf(f.Store), where: f.Store, name: name, closing: func() error { return nil }}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.backend == nil {
		return s, errStore
	}
	if f.Store == Dir {
		s.temporary = true
		if s.where, err = os.MkdirTemp("", "bearer-fleet-"); err != nil {
			return s, err
		}
	}
	if s.Store, s.closing, err = s.backend.open(s.where, "", name); err != nil {
		return s, fmt.Errorf("the store cannot be opened: %w", err)
	}
	if s.backend.prepare != nil {
		began := time.Now()
		err := s.backend.prepare(ctx, s.Store)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil { // a timeout of the client
			return s, fmt.Errorf("the store cannot be used: no answer within %v: see that its address is right, and that it expects TLS if the URL asks for it", time.Since(began).Round(time.Second))
		}
		if err != nil {
			return s, fmt.Errorf("the store cannot be used: %w", err)
		}
	}
	s.prepared = true
	if s.backend.address != nil && f.Cut > 0 {
		address, err := s.backend.address(f.Store)
		if err != nil {
			return s, err
		}
		if s.link, err = tcpcut.To(address); err != nil {
			return s, err
		}
	}
	return s, nil
}

// dial is the address that workers reach the Store at; empty: its own.
func (s *shared) dial() string {
	if s.link == nil {
		return ""
	}
	return s.link.Addr()
}

// close removes what the run has stored. There is no worker left.
func (s *shared) close() {
	if s.link != nil {
		_ = s.link.Close()
	}
	if s.prepared {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		// What fails here leaves a token behind that is of no use to anyone.
		_ = s.Delete(ctx, s.name)
		if s.backend.remove != nil {
			_ = s.backend.remove(ctx, s.Store)
		}
	}
	_ = s.closing()
	if s.temporary {
		_ = os.RemoveAll(s.where)
	}
}
