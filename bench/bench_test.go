package bench

import (
	"testing"

	"example.com/bearer/bench/peers"
)

// everyone is the floor and all peers.
var everyone = append([]peers.Peer{peers.Floor}, peers.All...)

func BenchmarkRoundTrip(b *testing.B) { serialAndParallel(b, RoundTrip) }

func BenchmarkToken(b *testing.B) { serialAndParallel(b, Token) }

func BenchmarkLoopback(b *testing.B) {
	for _, p := range everyone {
		b.Run(p.Name, func(b *testing.B) { Loopback(b, p) })
	}
}

func serialAndParallel(b *testing.B, work func(*testing.B, peers.Peer, bool)) {
	for _, p := range everyone {
		b.Run(p.Name, func(b *testing.B) {
			b.Run("serial", func(b *testing.B) { work(b, p, false) })
			b.Run("parallel", func(b *testing.B) { work(b, p, true) })
		})
	}
}
