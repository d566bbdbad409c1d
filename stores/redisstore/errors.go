package redisstore

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"github.com/redis/go-redis/v9"

	"example.com/bearer"
	"example.com/bearer/internal/mistake"
)

// check returns what is wrong with the Store or the key.
func (s *Store) check(key string) error {
	v := reflect.ValueOf(s.Client)
	switch {
	case !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil():
		return mistake.New("redisstore: Store.Client is nil: set it to a client of go-redis, such as redis.NewClient returns")
	case strings.ContainsAny(s.Prefix, "{}"):
		return mistake.Errorf("redisstore: Store.Prefix is %q: leave out the braces, which decide on the slot in a cluster", s.Prefix)
	case s.LeaseDuration != 0 && s.LeaseDuration < shortestLease:
		return mistake.Errorf("redisstore: Store.LeaseDuration is %v: set it to %v or more, or leave it out", s.LeaseDuration, shortestLease)
	case s.Replicas < 0:
		return mistake.Errorf("redisstore: Store.Replicas is %d: set it to 1 or more, or leave it out", s.Replicas)
	case key == "":
		return mistake.New("redisstore: the key is empty: it is the name of the credential, such as Cache.Key")
	}
	if s.Replicas == 0 {
		return nil
	}
	switch s.Client.(type) {
	case *redis.Client, *redis.ClusterClient:
		return nil
	}
	return mistake.Errorf("redisstore: Store.Replicas is %d, which needs a *redis.Client or a *redis.ClusterClient: Store.Client is a %T", s.Replicas, s.Client)
}

// A storeError is a failure of the client or the server. What it wraps never
// matches an error that would tell the caller something else.
type storeError struct {
	text string
	err  error // nil if it must not be seen
}

func (e *storeError) Error() string { return e.text }
func (e *storeError) Unwrap() error { return e.err }

// failed returns err as the caller of op gets it.
func failed(ctx context.Context, op string, err error) error {
	switch err {
	case nil:
		return nil
	case errChanged:
		return bearer.ErrChanged
	}
	text, told := "redisstore: "+op+": ", err.Error()
	// An unknown command, such as EVALSHA where scripts are forbidden, is
	// repeated with the beginning of its arguments.
	told, _, quoted := strings.Cut(told, ", with args beginning with")
	if strings.HasPrefix(told, "NOPERM ") || strings.HasPrefix(told, "ERR The user executing the script ") {
		told += "; the documentation of redisstore lists what an ACL must allow"
	}
	switch ended := ctx.Err(); {
	case ended == nil:
		if quoted || misleads(err) {
			err = nil
		}
		return &storeError{text + told, err}
	case errors.Is(err, ended):
		return &storeError{text + ended.Error(), ended}
	default:
		return &storeError{text + ended.Error() + " (" + told + ")", ended}
	}
}

// misleads reports whether err matches an error that means something to the
// caller of a Store, although it is only the client's: of a dialer, a provider of
// passwords or a hook, or a timeout within go-redis.
func misleads(err error) bool {
	for _, target := range []error{
		errors.ErrUnsupported, bearer.ErrNotFound, bearer.ErrChanged, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
