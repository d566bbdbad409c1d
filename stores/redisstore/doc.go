// Package redisstore keeps credentials in Redis or Valkey, for processes that
// share them: a server, one behind Sentinel, or a cluster.
//
//	client := redis.NewUniversalClient(&redis.UniversalOptions{
//		Addrs:     []string{"redis.example.com:6379"},
//		Username:  "reports",
//		Password:  os.Getenv("REDIS_PASSWORD"),
//		TLSConfig: &tls.Config{},
//
//		DialerRetries: 1,
//	})
//	defer client.Close()
//	cache := &bearer.Cache{
//		Source: source,
//		Store:  &redisstore.Store{Client: client},
//		Key:    "reports",
//	}
//
// # What a failover can lose
//
// Redis answers before its replicas have a write. If the server fails, the
// replica that takes over may lack the last writes that were acknowledged: a
// login that the server has just rotated, then, or a lock. [Store.Replicas] waits
// for replicas (WAIT), which makes that unlikely, but not impossible: the replica
// that takes over may be another one, and a server that is cut off from the
// others serves its clients until it notices. What a lost login costs is a new
// one by the user. A lock that is lost lets two processes refresh at once;
// what each has noted with Swap before keeps the second from using a refresh token
// that the first has spent, as far as that note has not been lost too.
//
// Get asks the master, never a replica, however the client routes what it reads.
//
// # The server
//
//   - maxmemory-policy must be noeviction, which is the default. A server that evicts deletes
//     logins, and a [bearer.Cache] takes that for what a Delete does.
//   - appendonly must be yes, unless a restart may lose all logins. With the default
//     appendfsync everysec, a crash of the machine loses up to a second.
//   - A credential takes about 120 bytes beside its value; a deleted one about
//     100 for an hour; a lock about 100 while it is held, and 100 for each process
//     that waits.
//   - Scripts must be allowed. The tests run against Redis 7.0.
//   - Values are secrets that SLOWLOG, MONITOR, backups, and hooks of the client that record commands
//     show. Package stores/cryptstore encrypts them.
//
// A user that an ACL limits needs
//
//	~bearer:* &bearer:* +eval +evalsha +get +getrange +set +del +pttl +pexpire
//	+zadd +zrange +zrem +zscore +publish +subscribe +unsubscribe
//
// with [Store.Prefix] in place of "bearer:"; with [Store.Replicas], also +wait; in a
// cluster, also +cluster|slots +cluster|shards +command.
//
// In Redis, the value of the key "reports" is at "bearer:{reports}", its lock at
// "bearer:{reports}:lock", which is the channel too that says who is next, and
// those who wait are at "bearer:{reports}:queue". Bytes of the key other than
// letters, digits and -_.~$&+=:@ are percent-encoded.
//
// # Connections, goroutines and time
//
// A call takes a connection from the client's pool while it talks to the server,
// not while it waits for a lock. All waiters of a Store share one more
// connection. While a lock is held, one goroutine renews it every third of the
// lease; it ends with unlock, or when the lock is known to be lost. While there
// are waiters, one goroutine reads what wakes them. An idle Store has no
// goroutine, and makes no traffic.
//
// A call returns when its context ends. What go-redis does meanwhile goes on in
// a goroutine until the client's timeouts end it (DialTimeout, ReadTimeout,
// WriteTimeout and PoolTimeout: do not turn them off), and other calls of this
// Store for the key wait for that. A call is repeated up to three
// times on errors of the network, and of servers that start or change roles;
// unlike go-redis' own retries, which are not used, that does not take what an
// attempt whose answer was lost has done for the work of another process.
//
// Set the client's DialerRetries to 1. By default go-redis dials five times, with
// pauses, for each of the three attempts: when the server refuses connections, a
// call takes more than a second to fail, and a refresh makes several.
//
// The lease is measured by the server's clock, and by both clocks of the process
// from before the lock was asked for. Clocks need not agree, only advance at the
// same rate.
package redisstore
