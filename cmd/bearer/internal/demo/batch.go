// Package demo runs one batch of authorized requests on real sockets while
// everything happens that happens to tokens: they expire, they are revoked,
// they cannot be had for a moment, and a redirect tries to carry one away.
//
// The same batch with the same script runs through more than one way to
// authorize requests, a [Subject] each, so that they can be compared.
package demo

import "time"

// How long the servers take to answer. A token request is the slower one, as
// it is with real servers: it checks a secret and writes.
const (
	tokenDelay = 150 * time.Millisecond
	apiDelay   = 100 * time.Millisecond
)

// Batch is the size of the work; both must be positive.
type Batch struct {
	Requests    int
	Concurrency int // requests in flight
}

// Lifetime is how long a token of this batch lives: short enough for several
// to expire, however large the batch is. It is a whole number of seconds
// because expires_in is one (RFC 6749 section 5.1).
func (b Batch) Lifetime() time.Duration {
	expected := time.Duration(b.Requests) * apiDelay / time.Duration(b.Concurrency)
	return max(time.Second, (expected * 10 / 26).Round(time.Second))
}

// Outage is how long the token endpoint is out: well inside the last third of
// a token's life, in which bearer has begun to renew it. In batches so small
// that a token lives only 1 s or 2 s, that third may be too short for two
// token requests one after the other, and requests may wait for the second.
func (b Batch) Outage() time.Duration { return b.Lifetime() / 10 }
