package bearer

import (
	"math/rand/v2"
	"time"
)

const (
	// shortestPause is for cases where nothing says how long a pause should
	// be.
	shortestPause = 100 * time.Millisecond

	// longestPause caps the pauses that grow for an endpoint that is sick:
	// half a minute after it recovers, everyone has noticed.
	longestPause = 30 * time.Second

	// longestRefusal caps the pauses after a refusal that is likely to be
	// repeated, such as invalid_client: a person has to change something, and
	// five minutes are short beside that.
	longestRefusal = 5 * time.Minute

	// longestStorePause caps the pauses for a Store: a look at it costs little
	// beside a token request.
	longestStorePause = 2 * time.Second

	// longestRetryAfter caps what a server may ask for.
	longestRetryAfter = 10 * time.Minute
)

// doubling returns first, doubled n times, at most longest.
func doubling(first time.Duration, n int, longest time.Duration) time.Duration {
	for ; n > 0 && first < longest; n-- {
		first *= 2
	}
	return min(first, longest)
}

// random returns a duration from zero up to, but not including, d. It is a
// variable for tests that have to repeat what happened.
var random = rand.N[time.Duration]

// jittered takes off up to a quarter at random, so that a fleet that met the
// same failure does not come back in step.
func jittered(d time.Duration) time.Duration { return d - random(d/4+1) }

// callerPause is how long callers without a valid token share f. For a sick
// endpoint its outage says when it is asked again, for all who ask it.
func callerPause(f *failure) time.Duration {
	switch f.kind {
	case sick:
		return 0
	case breakerOpen:
		return shortestPause // unless the breaker says more; see failure.asked
	case storeOut:
		return jittered(doubling(shortestPause, f.n-1, longestStorePause))
	case refusal:
		return jittered(doubling(time.Second, f.n-1, longestRefusal))
	}
	return jittered(doubling(time.Second, f.n-1, longestPause))
}

// retryPause is the pause before the next refresh in the background, while the
// token is valid.
func retryPause(f *failure) time.Duration {
	return jittered(doubling(time.Second, f.n-1, longestPause))
}

// lookPause is the pause before the next look at the Store, after n looks that
// brought nothing.
func lookPause(n int) time.Duration { return jittered(doubling(time.Second, n, longestPause)) }

// savePause is the pause before the next attempt to store a token, after n
// that failed.
func savePause(n int) time.Duration { return jittered(doubling(time.Second, n-1, longestPause)) }

// renewalPause is the pause after the n-th renewal in a row for a host that
// rejected the new token too.
func renewalPause(n int) time.Duration { return doubling(time.Second, n-1, longestPause) }

// renewalJitter spreads renewals: when many tokens are revoked at once, their
// Caches do not ask for new ones in the same millisecond.
func renewalJitter() time.Duration { return random(50 * time.Millisecond) }

// aloneJitter spreads the requests of processes that cannot share a token while
// the Store is out of order.
func aloneJitter() time.Duration { return random(200 * time.Millisecond) }

// trialPause is the pause between the n-th trial of an endpoint that fails and
// the next one. Callers wait meanwhile: a blip costs them 100 ms, and a longer
// outage less than a second more than it lasted.
func trialPause(n int) time.Duration {
	return jittered(doubling(shortestPause, n-1, 800*time.Millisecond))
}

// openPause is how long an endpoint is left alone that has failed for lasted,
// at most longest: callers then get a token within a quarter more than the
// outage lasted.
func openPause(lasted, longest time.Duration) time.Duration {
	return jittered(min(max(time.Second, lasted/4), longest))
}
