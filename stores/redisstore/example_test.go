package redisstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"golang.org/x/oauth2"

	"example.com/bearer"
	"example.com/bearer/stores/redisstore"
)

// Two processes share a credential: the second finds the token of the first.
func Example() {
	server, err := miniredis.Run() // in place of a real one
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()

	process := func() *bearer.Cache {
		return &bearer.Cache{
			Source: bearer.SourceFunc(func(context.Context) (*oauth2.Token, error) {
				fmt.Println("a token request")
				return &oauth2.Token{AccessToken: "token", ExpiresIn: 3600}, nil
			}),
			Store: &redisstore.Store{Client: client},
			Key:   "reports",
		}
	}
	for range 2 {
		t, err := process().Token(context.Background())
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(t.AccessToken)
	}
	// Output:
	// a token request
	// token
	// token
}

// Swap replaces only what the caller has seen.
func ExampleStore_Swap() {
	server, err := miniredis.Run()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	ctx := context.Background()

	store := &redisstore.Store{Client: client}
	fmt.Println(store.Swap(ctx, "reports", nil, []byte("first")))
	fmt.Println(errors.Is(store.Swap(ctx, "reports", nil, []byte("second")), bearer.ErrChanged))
	// Output:
	// <nil>
	// true
}
