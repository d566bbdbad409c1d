package bearer_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// G20, G22: processes that are killed, or suspended for longer than their lease, at
// any step. With a reuse grace of ten leases no login is lost. Without one, a
// refresh token that is spent is not sent while its access token is valid, except
// by a process that is suspended after its last look at the lease.
func TestG22RandomFaults(t *testing.T) {
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			f.life = 20 * time.Second
			if seed%2 == 0 {
				f.grace, f.declared = 30*time.Second, 30*time.Second
			}
			f.login(t)
			faults := &faults{fleet: f, r: rand.New(rand.NewPCG(seed, 1))}
			for i := range 4 {
				faults.live(t, string(rune('A'+i)))
			}
			time.Sleep(5 * time.Minute)
			faults.mu.Lock()
			faults.over = true
			faults.mu.Unlock()
			faults.running.Wait()
			time.Sleep(time.Minute)

			_, err := f.join("Z").Token(t.Context())
			n, revoked := f.requests()
			if f.grace > 0 && (err != nil || revoked) {
				t.Errorf("seed %d: got %v in the end, revoked %v; want that the login survives", seed, err, revoked)
			}
			if f.early > 0 {
				t.Errorf("seed %d: a spent refresh token was sent while its access token was valid", seed)
			}
			if most := 30 + 2*faults.kills; !revoked && n > most {
				t.Errorf("seed %d: got %d requests in 5 minutes with tokens of 20 s and %d processes killed, want at most %d", seed, n, faults.kills, most)
			}
		})
	}
}

// Faults happen to the processes of a fleet at random.
type faults struct {
	fleet   *fleet
	running sync.WaitGroup

	mu    sync.Mutex // guards what follows
	r     *rand.Rand
	kills int
	over  bool // no more of them
}

// live runs a process, and another one in its place when it is killed.
func (s *faults) live(t *testing.T, name string) {
	m := s.fleet.member(name)
	var stopped time.Time // until then; guarded by mu
	m.at = func(step string) {
		s.mu.Lock()
		rest := time.Until(stopped) // with all goroutines of the process
		kill := !s.over && s.r.IntN(120) == 0
		suspend := !s.over && s.r.IntN(60) == 0 && (s.fleet.grace > 0 || step != "before send")
		if suspend && !kill {
			stopped = time.Now().Add(4500 * time.Millisecond)
		}
		s.mu.Unlock()
		time.Sleep(rest)
		switch {
		case kill:
			m.kill()
		case suspend:
			m.suspend(4500 * time.Millisecond)
		}
	}
	s.running.Go(func() {
		for {
			_, _ = m.cache.Token(t.Context())
			time.Sleep(300 * time.Millisecond)
			m.fleet.mu.Lock()
			dead := m.dead
			m.fleet.mu.Unlock()
			s.mu.Lock()
			over := s.over
			if dead && !over {
				s.kills++
			}
			s.mu.Unlock()
			switch {
			case over:
				return
			case dead:
				s.live(t, name+"'")
				return
			}
		}
	})
}
