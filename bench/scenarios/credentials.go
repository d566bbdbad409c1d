package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"example.com/bearer/bench/peers"
	"example.com/bearer/bench/report"
)

// credentials: one process holds the tokens of very many users, and needs one
// of them at a time.
var credentials = scenario{
	name: "100,000 credentials",
	figures: []figure{
		{name: "each", unit: report.Bytes},
		{name: "one's token", unit: report.Nanoseconds},
		{name: "a random one's token", unit: report.Nanoseconds},
	},
	run: func(ctx context.Context, size scale, p peers.Peer) ([]float64, error) {
		n := size.credentials
		expiry := time.Now().Add(time.Hour)
		order := rand.Perm(n)
		before := footprint()
		token := p.Many(n, func(i int) peers.Fetch {
			return func(context.Context) (peers.Token, error) {
				return peers.Token{Value: fmt.Sprintf("%032x", i), Expiry: expiry}, nil
			}
		})
		for i := range n {
			if got, err := token(ctx, i); err != nil || got != fmt.Sprintf("%032x", i) {
				return nil, errors.Join(fmt.Errorf("credential %d got another one's token", i), err)
			}
		}
		each := float64(footprint()-before) / float64(n)

		one, err := perToken(ctx, size.rounds, token, make([]int, n))
		if err != nil {
			return nil, err
		}
		random, err := perToken(ctx, size.rounds, token, order)
		if err != nil {
			return nil, err
		}
		runtime.KeepAlive(token)
		return []float64{each, one, random}, nil
	},
}

// perToken is how many nanoseconds a token takes, of the credentials in this
// order.
func perToken(ctx context.Context, rounds int, token func(context.Context, int) (string, error), order []int) (float64, error) {
	var all []float64
	for range rounds {
		start := time.Now()
		for _, i := range order {
			if _, err := token(ctx, i); err != nil {
				return 0, err
			}
		}
		all = append(all, float64(time.Since(start))/float64(len(order)))
	}
	return median(all), nil
}
