package bearer

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"example.com/bearer/internal/attempt"
)

// A detached context has the values of the context of the request that began
// a refresh, for traces above all, but neither its end nor its
// httptrace.ClientTrace. That trace is for the request alone: it would take the
// token endpoint's connection for the API's, and see the client's secret in a
// header field.
type detached struct{ context.Context }

func detach(ctx context.Context) context.Context {
	return detached{context.WithoutCancel(ctx)}
}

// Value implements [context.Context]. A ClientTrace is in a context twice, and
// only the packages that put it there know the keys.
func (d detached) Value(key any) any {
	if t := reflect.TypeOf(key); t != nil {
		switch t.PkgPath() {
		case "net/http/httptrace", "internal/nettrace":
			return nil
		}
	}
	return d.Context.Value(key)
}

// within marks the context of a Cache's own refresh.
type within struct{ cache *Cache }

// sourceContext is the context for c's Source: package grant sends each
// request once, as c repeats them itself, and a Source that uses c is found out.
func sourceContext(ctx context.Context, c *Cache) context.Context {
	return context.WithValue(attempt.Once(ctx), within{c}, true)
}

// A hookContext has the values of the context in which an event happened, but
// neither its end nor its marks: a hook is not part of the Source, whose context
// that may be.
type hookContext struct{ context.Context }

// Value implements [context.Context].
func (h hookContext) Value(key any) any {
	if _, ok := key.(within); ok || attempt.IsKey(key) {
		return nil
	}
	return h.Context.Value(key)
}

// errWithin says that the Source waits for the refresh that it is part of.
var errWithin = errors.New("the Source waits for its own Cache: its requests must not go through a Transport that this Cache authorizes")

// usesItself reports whether ctx belongs to c's own Source.
func usesItself(ctx context.Context, c *Cache) bool { return ctx.Value(within{c}) != nil }

// contextErr is the error of a context that has ended, with its cause.
func contextErr(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}
