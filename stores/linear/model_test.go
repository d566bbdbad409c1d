package linear

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// An input is what a client asks for.
type input struct {
	op       string // get, put, delete, swap; lock, unlock, expire
	old, new string // absent for none
	owner    int    // of a lock: unique in a history
}

// absent is the state of a key without a value.
const absent = "-"

// free is the state of a lock that is not held.
const free = -1

// A result is what it got.
type result struct {
	outcome outcome
	value   string // what get returned
}

type outcome string

const (
	done    outcome = "done"
	changed outcome = "changed"
	unknown outcome = "unknown" // an error that leaves it open what was done
)

// endless is the time at which a call ends whose outcome is unknown: it takes
// effect at any time until then. After everything else is as good as never.
const endless = int64(1) << 62

// valueModel is what one key of a Store does.
var valueModel = porcupine.Model{
	Init: func() any { return absent },
	Step: func(state, in, out any) (bool, any) {
		i, o, now := in.(input), out.(result), state.(string)
		switch i.op {
		case "get":
			return o.value == now, now
		case "put", "delete":
			return true, i.new
		}
		switch { // swap
		case o.outcome == changed:
			return now != i.old, now
		case now == i.old:
			return true, i.new
		}
		return o.outcome == unknown, now
	},
	DescribeOperation: describe,
	DescribeState:     func(state any) string { return fmt.Sprint(state) },
}

// lockModel is what the lock of one key does.
var lockModel = porcupine.Model{
	Init: func() any { return free },
	Step: func(state, in, _ any) (bool, any) {
		i, now := in.(input), state.(int)
		switch i.op {
		case "lock":
			return now == free, i.owner
		case "unlock":
			return now == i.owner, free
		}
		if now == i.owner { // expire
			return true, free
		}
		return true, now
	},
	DescribeOperation: describe,
	DescribeState:     func(state any) string { return fmt.Sprint(state) },
}

func describe(in, out any) string {
	i, o := in.(input), out.(result)
	switch i.op {
	case "get":
		return "get -> " + o.value
	case "put":
		return fmt.Sprintf("put %s %s", i.new, o.outcome)
	case "swap":
		return fmt.Sprintf("swap %s for %s %s", i.old, i.new, o.outcome)
	}
	return fmt.Sprintf("%s %d %s", i.op, i.owner, o.outcome)
}

// checking limits the search for an order. It takes milliseconds; should it take
// this long, the history proves nothing.
const checking = time.Minute

// linearizable reports whether there is an order, and if not, shows the history.
func linearizable(t *testing.T, model porcupine.Model, history []porcupine.Operation) bool {
	t.Helper()
	switch porcupine.CheckOperationsTimeout(model, history, checking) {
	case porcupine.Ok:
		return true
	case porcupine.Unknown:
		t.Fatalf("the search for an order of %d operations took longer than %v:\n%s", len(history), checking, show(history))
	}
	return false
}

// show is a history as text.
func show(history []porcupine.Operation) string {
	history = slices.Clone(history)
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var text strings.Builder
	for _, op := range history {
		end := fmt.Sprint(time.Duration(op.Return))
		if op.Return == endless {
			end = "?"
		}
		fmt.Fprintf(&text, "%v to %s: client %d: %s\n", time.Duration(op.Call), end, op.ClientId, describe(op.Input, op.Output))
	}
	return text.String()
}

// The models know what is wrong.
func TestModels(t *testing.T) {
	op := func(begin, end int64, in input, out result) porcupine.Operation {
		return porcupine.Operation{Input: in, Output: out, Call: begin, Return: end}
	}
	swap := func(old, new string) input { return input{op: "swap", old: old, new: new} }
	get := input{op: "get"}
	for name, c := range map[string]struct {
		model   porcupine.Model
		history []porcupine.Operation
		want    bool
	}{
		"a swap that may have been is seen": {valueModel, []porcupine.Operation{
			op(1, endless, swap(absent, "a"), result{outcome: unknown}),
			op(2, 3, get, result{done, absent}), op(4, 5, get, result{done, "a"}),
		}, true},
		"and does not go away": {valueModel, []porcupine.Operation{
			op(1, endless, swap(absent, "a"), result{outcome: unknown}),
			op(2, 3, get, result{done, "a"}), op(4, 5, get, result{done, absent}),
		}, false},
		"one of two swaps": {valueModel, []porcupine.Operation{
			op(1, 4, swap(absent, "a"), result{outcome: done}), op(2, 3, swap(absent, "b"), result{outcome: changed}),
		}, true},
		"both of two swaps": {valueModel, []porcupine.Operation{
			op(1, 4, swap(absent, "a"), result{outcome: done}), op(2, 3, swap(absent, "b"), result{outcome: done}),
		}, false},
		"changed without a change": {valueModel, []porcupine.Operation{
			op(1, 2, swap(absent, "a"), result{outcome: changed}),
		}, false},
		"one holder after the other": {lockModel, []porcupine.Operation{
			op(1, 2, input{op: "lock", owner: 1}, result{}), op(1, 5, input{op: "lock", owner: 2}, result{}),
			op(3, 4, input{op: "unlock", owner: 1}, result{}),
		}, true},
		"two holders": {lockModel, []porcupine.Operation{
			op(1, 2, input{op: "lock", owner: 1}, result{}), op(1, 2, input{op: "lock", owner: 2}, result{}),
			op(3, 4, input{op: "unlock", owner: 1}, result{}),
		}, false},
		"a holder that is lost": {lockModel, []porcupine.Operation{
			op(1, 2, input{op: "lock", owner: 1}, result{}), op(1, endless, input{op: "expire", owner: 1}, result{}),
			op(3, 4, input{op: "lock", owner: 2}, result{}),
		}, true},
	} {
		if got := linearizable(t, c.model, c.history); got != c.want {
			t.Errorf("%s: got %v, want %v:\n%s", name, got, c.want, show(c.history))
		}
	}
}
