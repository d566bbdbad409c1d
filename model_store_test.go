package bearer_test

import (
	"context"
	"encoding/json"
	"time"

	"example.com/bearer"
)

// The Store, as each process has it.

type handle struct{ *process }

// operation runs do, which reads or changes the Store, with the trouble that
// the operation has.
func (h handle) operation(ctx context.Context, op string, do func()) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dead {
		return errDead
	}
	t := h.world.store[op].take()
	h.note("%s begins to %s %s", h.name, op, t.kind)
	began := time.Now()
	h.strayed = h.strayed || t.kind != "" && t.kind != "is slow"
	read := op == "get"
	if read {
		do() // a slow answer is one of the past
		if t.kind != "" {
			h.slowUntil = time.Now().Add(45 * time.Second)
		}
	} else if op != "lock" {
		h.writes++
		defer func() { h.writes++ }()
	}
	var err error
	h.mu.Unlock()
	switch t.kind {
	case "is slow":
		pause(ctx, 800*time.Millisecond)
		err = ctx.Err()
	case "is very slow":
		pause(ctx, 4*time.Second)
		err = ctx.Err()
	case "hangs":
		pause(ctx, 5*time.Minute)
		err = context.DeadlineExceeded
	case "is deaf":
		h.mu.Lock()
		if op == "get" || op == "lock" {
			h.deafUntil = time.Now().Add(45 * time.Second)
		}
		h.mu.Unlock()
		time.Sleep(45 * time.Second)
	}
	h.mu.Lock()
	if t.kind == "fails" {
		err = errDisk
	}
	if h.dead {
		return errDead
	}
	if err == nil && !read {
		do()
	}
	if t.kind == "fails afterwards" {
		err = errDisk
	}
	if err != nil || time.Since(began) > time.Second {
		h.failed = time.Now()
	}
	return err
}

func (h handle) Get(ctx context.Context, key string) ([]byte, error) {
	var data []byte
	var absent error
	var found *issue
	var seq, writes int
	err := h.operation(ctx, "get", func() {
		data, absent = h.memory.Get(ctx, key)
		found, seq, writes = h.record, h.tick(), h.writes
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		return nil, err
	}
	h.note("%s gets %v from the Store", h.name, found)
	if c := h.certain; c != nil && found != nil && (found.access == "" || found.expiry.Before(c.expiry)) {
		h.disturb()
	}
	h.looked, h.lookSeq, h.lookEnded = true, seq, time.Now()
	if writes != h.writes || writes%2 == 1 {
		return data, absent // a write of its own may have replaced it meanwhile
	}
	if h.sawSeq == 0 || h.saw != found && seq > h.sawSeq {
		h.forgive() // another record: what failed may work now
		if found != nil {
			v := h.view(found)
			v.rejected, v.suspect = 0, true
			if !v.put && (h.sawSeq > 0 || h.newest == nil) {
				v.news = h.tick()
			}
		}
	}
	if seq > h.sawSeq {
		h.see(found, seq)
	}
	if found != nil {
		h.view(found).inStore = true
	}
	return data, absent
}

func (h handle) Put(ctx context.Context, key string, data []byte) error {
	var r struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	h.mu.Lock()
	i := h.issueOf(r.Access, r.Refresh)
	if i == nil || i.refresh != r.Refresh {
		h.broken("G19: %s stores %q with %q", h.name, r.Access, r.Refresh)
		h.mu.Unlock()
		return errDisk
	}
	h.checkPut(i)
	v := h.view(i)
	v.put = true
	h.mu.Unlock()
	err := h.operation(ctx, "put", func() {
		_ = h.memory.Put(ctx, key, data)
		h.land(i, h.process)
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		v.saved, v.inStore = true, true
		h.see(i, h.tick())
	}
	return err
}

// knew reports whether p has seen a token of the family in the Store. The caller
// holds mu.
func (p *process) knew(family int) bool {
	for i, v := range p.views {
		if i.family == family && v.inStore {
			return true
		}
	}
	return false
}

// see notes that the process knows what the Store held. The caller holds mu.
func (p *process) see(i *issue, seq int) {
	if p.sawSeq == 0 {
		p.sawFirst = seq
	}
	p.saw, p.sawSeq = i, seq
}

// land puts i into the Store, for process by or, if that is nil, another one.
// The caller holds mu.
func (w *world) land(i *issue, by *process) {
	w.note("the Store holds %v", i)
	if w.record != nil && w.record != i && !(w.record.spent && w.record.family == i.family) {
		w.strayed = true // what is overwritten may be in use
	}
	w.record, w.by, w.recordSeq = i, by, w.tick()
	i.landed = true
	delete(w.deleted, i.family)
	for _, p := range w.procs {
		p.view(i).deleted = 0
	}
}

// remove empties the Store. The caller holds mu.
func (w *world) remove() {
	w.note("the Store holds nothing")
	if w.record != nil {
		w.deleted[w.record.family] = w.tick()
	}
	w.record, w.by, w.recordSeq = nil, nil, w.tick()
}

// checkPut applies the rules for what a process puts into the Store. The caller
// holds mu.
func (p *process) checkPut(i *issue) {
	v := p.view(i)
	if i.login && !v.saved {
		return // by Set, over whatever is there
	}
	if p.lookEnded != time.Now() {
		p.broken("G19: %s stores %v without a look at what it replaces", p.name, i)
	}
	if at, ok := p.deleted[i.family]; ok && p.lookSeq > at && p.knew(i.family) {
		p.broken("G23: %s stores %v, though it has seen that the credential was deleted", p.name, i)
	}
	if p.saw != nil && p.saw == p.record && p.by != p && p.recordSeq > max(i.seq, p.sawFirst) && p.lookSeq > p.recordSeq {
		p.broken("G19: %s stores %v over %v, which is newer", p.name, i, p.saw)
	}
}

func (h handle) Delete(ctx context.Context, key string) error {
	err := h.operation(ctx, "delete", func() {
		_ = h.memory.Delete(ctx, key)
		h.remove()
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.see(nil, h.tick())
		h.deletedSeq = h.sawSeq
	}
	return err
}

type lockedHandle struct{ handle }

func (h lockedHandle) Lock(ctx context.Context, key string) (func() error, error) {
	err := h.operation(ctx, "lock", func() {})
	var unlock func() error
	if err == nil {
		unlock, err = h.memory.Lock(ctx, key)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dead && err == nil {
		_ = unlock()
		err = errDead
	}
	h.lockFailed = err != nil
	if err != nil {
		return nil, err
	}
	h.holding, h.looked, h.frees = true, false, unlock
	return func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.dead {
			return errDead
		}
		h.holding, h.frees = false, nil
		return unlock()
	}, nil
}

type swapHandle struct{ lockedHandle }

// Swap has the troubles of Put. If it leaves the token as it is, it changes
// notes only, which the rules for tokens are not about.
func (h swapHandle) Swap(ctx context.Context, key string, old, new []byte) error {
	var r struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal(new, &r); err != nil {
		return err
	}
	h.mu.Lock()
	var i *issue // nil for notes alone
	vacant := r.Access == "" && r.Refresh == ""
	if !vacant {
		i = h.issueOf(r.Access, r.Refresh)
	}
	if !vacant && (i == nil || i.refresh != r.Refresh) {
		h.broken("G19: %s stores %q with %q", h.name, r.Access, r.Refresh)
		h.mu.Unlock()
		return errDisk
	}
	if h.world.store["swap"].take().kind != "" {
		h.note("%s finds the Store changed, though it is not", h.name)
		h.strayed = true
		h.failed = time.Now()
		h.mu.Unlock()
		return bearer.ErrChanged
	}
	outcome := bearer.ErrChanged
	notes := i == h.record
	if !notes {
		h.checkPut(i)
		h.view(i).put = true
	}
	h.mu.Unlock()
	err := h.operation(ctx, "put", func() {
		outcome = h.memory.Swap(ctx, key, old, new)
		if outcome == nil && h.record != i {
			h.land(i, h.process)
		}
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err != nil:
		return err
	case outcome != nil:
		h.note("%s finds the Store changed", h.name)
	case i != nil:
		v := h.view(i)
		v.saved, v.inStore = true, true
		h.see(i, h.tick())
	}
	return outcome
}
