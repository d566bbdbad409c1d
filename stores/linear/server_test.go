package linear

import (
	"crypto/rand"
	"database/sql"
	mathrand "math/rand/v2"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"

	"example.com/bearer/internal/tcpcut"
	"example.com/bearer/stores/redisstore"
	"example.com/bearer/stores/sqlstore"
)

// cut is a system of clients, each with its own way to a server, which is cut
// every so often, in every manner, and at times for longer than a lease.
func cut(t *testing.T, server string, connect func(t *testing.T, addr string) store) *system {
	const n = 3
	s := &system{timeout: time.Second}
	links := make([]*tcpcut.Link, n)
	for i := range links {
		link, err := tcpcut.To(server)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := link.Close(); err != nil {
				t.Error(err)
			}
		})
		links[i] = link
		c := connect(t, link.Addr())
		s.clients = append(s.clients, func() store { return c })
	}
	faults := map[tcpcut.Fault]int{}
	s.fault = func() {
		fault := []tcpcut.Fault{tcpcut.Refuse, tcpcut.Swallow, tcpcut.Hold, tcpcut.Reset}[mathrand.N(4)]
		link := links[mathrand.N(n)]
		link.CutAfter(mathrand.N(30), fault)
		pause := mathrand.N(60 * time.Millisecond)
		if mathrand.N(8) == 0 {
			pause = lease * 3 / 2
		}
		time.Sleep(pause)
		if link.Mend() {
			faults[fault]++
		}
	}
	t.Cleanup(func() {
		t.Logf("refused %d times, swallowed %d, held %d, reset %d",
			faults[tcpcut.Refuse], faults[tcpcut.Swallow], faults[tcpcut.Hold], faults[tcpcut.Reset])
	})
	return s
}

// address is the variable's value, or the test is skipped.
func address(t *testing.T, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		if os.Getenv("BEARER_STORES") == "1" {
			t.Fatalf("BEARER_STORES is 1, and %s is not set: set it to a server's URL", variable)
		}
		t.Skipf("%s is not set to a server's URL", variable)
	}
	return value
}

// redisSystem has the server of those options.
func redisSystem(t *testing.T, options redis.Options, encrypt bool) *system {
	prefix := "linear-" + rand.Text() + ":"
	server := options.Addr
	return cut(t, server, func(t *testing.T, addr string) store {
		o := options
		o.Addr, o.DialTimeout, o.ReadTimeout, o.WriteTimeout = addr, lease, lease, lease
		client := redis.NewClient(&o)
		t.Cleanup(func() {
			if err := client.Close(); err != nil {
				t.Error(err)
			}
		})
		var s store = &redisstore.Store{Client: client, Prefix: prefix, LeaseDuration: lease}
		if encrypt {
			s = encrypted(s)
		}
		return s
	})
}

func miniRedis(t *testing.T, encrypt bool) *system {
	m := miniredis.RunT(t)
	m.ClockTTL(true)
	return redisSystem(t, redis.Options{Addr: m.Addr()}, encrypt)
}

func realRedis(t *testing.T, encrypt bool) *system {
	options, err := redis.ParseURL(address(t, "BEARER_REDIS"))
	if err != nil {
		t.Fatal(err)
	}
	return redisSystem(t, *options, encrypt)
}

func TestMiniredis(t *testing.T) {
	check(t, func(t *testing.T) *system { return miniRedis(t, false) })
}

func TestRedis(t *testing.T) {
	check(t, func(t *testing.T) *system { return realRedis(t, false) })
}

func TestRedisEncrypted(t *testing.T) {
	check(t, func(t *testing.T) *system { return realRedis(t, true) })
}

func postgres(t *testing.T, encrypt bool) *system {
	u, err := url.Parse(address(t, "BEARER_POSTGRES"))
	if err != nil {
		t.Fatal("BEARER_POSTGRES is not a URL")
	}
	table := "linear_" + strings.ToLower(rand.Text())
	open := func(t *testing.T, addr string) *sql.DB {
		there := *u
		there.Host = addr
		db, err := sql.Open("pgx", there.String())
		if err != nil {
			t.Fatal("BEARER_POSTGRES is not what pgx takes")
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return db
	}
	owner := open(t, u.Host)
	ddl, err := (&sqlstore.Store{Dialect: sqlstore.Postgres, Table: table}).Schema()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Exec(ddl); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := owner.Exec("DROP TABLE " + table + ", " + table + "_lease"); err != nil {
			t.Error(err)
		}
	})
	return cut(t, u.Host, func(t *testing.T, addr string) store {
		var s store = &sqlstore.Store{DB: open(t, addr), Dialect: sqlstore.Postgres, Table: table, LeaseDuration: lease}
		if encrypt {
			s = encrypted(s)
		}
		return s
	})
}

func TestPostgres(t *testing.T) {
	check(t, func(t *testing.T) *system { return postgres(t, false) })
}

func TestPostgresEncrypted(t *testing.T) {
	check(t, func(t *testing.T) *system { return postgres(t, true) })
}
