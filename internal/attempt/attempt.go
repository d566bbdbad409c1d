// Package attempt settles who repeats a failed token request. A Cache repeats
// its refreshes itself, on a schedule that all waiting callers share, so package
// grant must not multiply each of them by its own retries.
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
