// Package attempt marks contexts whose token requests are not retried. A Cache
// repeats its refreshes on a schedule that all waiting callers share, and the
// retries of package grant would multiply each of them.
package attempt

import "context"

type key struct{}

// Once returns a context whose token requests are sent once: the caller
// repeats them.
func Once(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, true) }

// IsKey reports whether key is that of the mark that [Once] leaves.
func IsKey(k any) bool { return k == key{} }

// IsOnce reports whether ctx comes from [Once].
func IsOnce(ctx context.Context) bool { return ctx.Value(key{}) != nil }
