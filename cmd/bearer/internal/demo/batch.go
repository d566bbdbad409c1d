// Package demo runs one batch of authorized requests on real sockets while
// tokens expire and are revoked, the token endpoint fails for a while, and a
// redirect leads to another origin.
//
// The same batch with the same script runs through several ways to authorize
// requests, each a [Subject], to compare them.
package demo

import "time"

// How long the servers take to answer. A token request takes longer, as with
// real servers, which check a secret and write to a database.
const (
	tokenDelay = 150 * time.Millisecond
	apiDelay   = 100 * time.Millisecond
)

// Batch is the size of the work. Both fields must be positive.
type Batch struct {
	Requests    int
	Concurrency int // requests in flight
}

// Lifetime is how long a token of this batch is valid: short enough that
// several expire, however large the batch is. It is a whole number of seconds,
// as expires_in is (RFC 6749 section 5.1).
func (b Batch) Lifetime() time.Duration {
	expected := time.Duration(b.Requests) * apiDelay / time.Duration(b.Concurrency)
	return max(time.Second, (expected * 10 / 26).Round(time.Second))
}

// Outage is how long the token endpoint fails. It fits into the last third of a
// token's lifetime, in which bearer refreshes in the background. In batches so
// small that a token lives for 1 s or 2 s, that third may be too short for two
// token requests in a row, and requests may wait for the second.
func (b Batch) Outage() time.Duration { return b.Lifetime() / 10 }

// waitsInP99 reports whether p99 shows requests that wait for a token, because
// those in flight at the first fetch are more than a hundredth of the batch.
func (b Batch) waitsInP99() bool { return 100*b.Concurrency > b.Requests }
