package bearer_test

import (
	"context"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"example.com/bearer"
)

// Steps.

var (
	patiences = rapid.SampledFrom([]time.Duration{10 * time.Second, 2 * time.Minute, time.Second, 10 * time.Millisecond})

	endpointTroubles = rapid.SampledFrom([]string{
		"refuses the connection", "500", "503", "503 with Retry-After", "invalid_grant", "invalid_client",
		"400 without a body", "loses the answer", "panics", "hangs", "is deaf", "is slow",
	})

	storeTroubles = rapid.SampledFrom([]string{"fails", "fails afterwards", "is slow", "is very slow", "hangs", "is deaf"})

	counts = rapid.SampledFrom([]int{1, 2, 5, 1000})
)

// actions are the steps that a sequence is made of. Each is followed by check.
func (w *world) actions() map[string]func(*rapid.T) {
	steps := map[string]func(*rapid.T){
		"token":       func(rt *rapid.T) { w.pick(rt).token(patiences.Draw(rt, "patience")) },
		"token again": func(rt *rapid.T) { w.pick(rt).token(patiences.Draw(rt, "patience")) },
		"tokens": func(rt *rapid.T) {
			for _, p := range w.procs {
				for range 3 {
					p.token(10 * time.Second)
				}
			}
		},
		"poll": func(rt *rapid.T) {
			p := w.pick(rt)
			every := rapid.SampledFrom([]time.Duration{time.Second, 100 * time.Millisecond}).Draw(rt, "every")
			for range 60 {
				p.token(50 * time.Millisecond)
				time.Sleep(every)
			}
		},
		"poll to expiry": func(rt *rapid.T) {
			p := w.pick(rt)
			for range 20 {
				p.token(50 * time.Millisecond)
				time.Sleep(w.lifetime / 20)
			}
		},
		"renew": func(rt *rapid.T) {
			p := w.pick(rt)
			p.renew(w.known(rt, p), patiences.Draw(rt, "patience"))
		},
		"accept": func(rt *rapid.T) { w.pick(rt).accept() },
		"set": func(rt *rapid.T) {
			p := w.pick(rt)
			p.set(w.login(rt), patiences.Draw(rt, "patience"))
		},
		"invalidate": func(rt *rapid.T) {
			p := w.pick(rt)
			if i := w.known(rt, p); i != nil {
				p.invalidate(i)
			}
		},
		"delete":   func(rt *rapid.T) { w.pick(rt).delete(patiences.Draw(rt, "patience")) },
		"flush":    func(rt *rapid.T) { w.pick(rt).flush(patiences.Draw(rt, "patience")) },
		"sleep":    w.sleep,
		"sleep on": w.sleep,
		"cancel": func(rt *rapid.T) {
			for _, c := range w.waiting() {
				c.cancel()
				synctest.Wait()
				w.mu.Lock()
				if !c.done && !c.writes {
					w.broken("G8: %s.%s does not leave when its context is cancelled", c.p.name, c.what)
				}
				w.mu.Unlock()
			}
		},
		"endpoint trouble": func(rt *rapid.T) {
			t := trouble{kind: endpointTroubles.Draw(rt, "kind"), takes: 20 * time.Millisecond, left: counts.Draw(rt, "calls")}
			if t.kind == "is slow" || rapid.IntRange(0, 3).Draw(rt, "slow") == 3 {
				t.takes = 4 * time.Second
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.endpoint = t
		},
		"heal": func(rt *rapid.T) { w.heal() },
	}
	if w.stored {
		steps["store trouble"] = func(rt *rapid.T) {
			op := rapid.SampledFrom([]string{"put", "get", "lock", "delete", "swap"}).Draw(rt, "operation")
			t := trouble{kind: storeTroubles.Draw(rt, "kind"), left: counts.Draw(rt, "calls")}
			w.mu.Lock()
			defer w.mu.Unlock()
			*w.store[op] = t
		}
		steps["elsewhere"] = w.elsewhere
		steps["kill"] = func(rt *rapid.T) { w.kill(w.pick(rt)) }
	}
	for name, step := range steps {
		steps[name] = func(rt *rapid.T) { w.paced(func() { step(rt) }) }
	}
	steps[""] = w.check
	return steps
}

// paced runs a step, and checks that the Caches do not hammer the server
// meanwhile: beside the requests of one refresh with its repeats, there is less
// than one in 750 ms, which is the shortest pause.
func (w *world) paced(step func()) {
	began := time.Now()
	before := make(map[*process]int)
	w.mu.Lock()
	for _, p := range w.procs {
		before[p] = p.sends
	}
	w.mu.Unlock()
	step()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.procs {
		most := 12 + int(time.Since(began)/(750*time.Millisecond))
		if n := p.sends - before[p]; n > most {
			w.broken("G17: %s sends too many token requests", p.name)
			w.note("it sent %d, %d are bearable", n, most)
		}
	}
}

func (w *world) pick(rt *rapid.T) *process {
	if len(w.procs) == 1 {
		return w.procs[0]
	}
	return rapid.SampledFrom(w.procs).Draw(rt, "cache")
}

// GoString is how a draw shows a process.
func (p *process) GoString() string { return p.name }

// known is the token that p returned last, an older one, or nil.
func (w *world) known(rt *rapid.T, p *process) *issue {
	age := rapid.SampledFrom([]string{"current", "old", "none"}).Draw(rt, "token")
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case age == "none" || p.newest == nil || p.newest.access == "":
		return nil
	case age == "old":
		for _, i := range w.issues {
			if i.access != "" && i.seq < p.newest.seq {
				return i
			}
		}
	}
	return p.newest
}

// login is a new one.
func (w *world) login(rt *rapid.T) *issue {
	kind := rapid.SampledFrom([]string{"fresh", "short", "expired", "without expiry", "without access token"}).Draw(rt, "login")
	w.mu.Lock()
	defer w.mu.Unlock()
	i := w.issue(nil, -1, w.lifetime)
	switch kind {
	case "short":
		i.lifetime = 5 * time.Second
		i.expiry = i.at.Add(i.lifetime)
	case "expired":
		i.expiry = i.at
	case "without expiry":
		i.expiry = time.Time{}
	case "without access token":
		if w.user {
			i.access = ""
		}
	}
	return i
}

func (w *world) sleep(rt *rapid.T) {
	time.Sleep(rapid.SampledFrom([]time.Duration{
		time.Second, 50 * time.Millisecond, 3 * time.Second, 12 * time.Second,
		w.lifetime * 3 / 4, w.lifetime, 6 * time.Minute,
	}).Draw(rt, "time"))
}

// elsewhere is what processes do that use the Store without a Cache, and
// without its lock.
func (w *world) elsewhere(rt *rapid.T) {
	switch what := rapid.SampledFrom([]string{"login", "refresh", "logout"}).Draw(rt, "what"); what {
	case "login":
		w.put(w.login(rt))
	case "refresh":
		w.mu.Lock()
		i := w.record
		if i == nil || w.user && (i.spent || w.revoked[i.family]) {
			w.mu.Unlock()
			return
		}
		i.spent, w.strayed = true, true
		n := w.issue(nil, i.family, w.lifetime)
		n.login = false
		w.mu.Unlock()
		w.put(n)
	case "logout":
		w.mu.Lock()
		defer w.mu.Unlock()
		_ = w.memory.Delete(context.Background(), "k")
		w.remove()
	}
}

// put puts i into the Store as another process does.
func (w *world) put(i *issue) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := bearer.Cache{Store: struct{ bearer.Store }{&w.memory}, Key: "k"} // no Locker
	if err := s.Set(context.Background(), i.token()); err != nil {
		w.broken("putting %v into the Store elsewhere: %v", i, err)
	}
	w.land(i, nil)
}
