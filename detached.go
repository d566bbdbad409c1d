package bearer

import (
	"context"
	"reflect"
)

// A detached context has the values of the request's that began a refresh, for
// traces above all; but neither its end nor its httptrace.ClientTrace. That one
// is for the request alone: it would take the token endpoint's connection for
// the API's, and be shown the client's secret in a header field.
type detached struct{ context.Context }

func detach(ctx context.Context) context.Context {
	return detached{context.WithoutCancel(ctx)}
}

// Value implements [context.Context]. A ClientTrace is in a context twice, and
// both keys are known by their packages only.
func (d detached) Value(key any) any {
	if t := reflect.TypeOf(key); t != nil {
		switch t.PkgPath() {
		case "net/http/httptrace", "internal/nettrace":
			return nil
		}
	}
	return d.Context.Value(key)
}
