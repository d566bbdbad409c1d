package proxy

import (
	"sync"
	"time"
)

// A window is how long the answers of the last minute took, for the page. The
// metrics have all answers, and let Prometheus choose the time.
type window struct {
	mu    sync.Mutex // guards slots
	slots [6]slot
}

// slotTime is what one slot is for.
const slotTime = 10 * time.Second

type slot struct {
	number int64 // which ten seconds; other numbers are too old
	counts [steps]uint32
}

// steps is how many steps there are: from 0.1 ms, each a fifth longer, to more
// than a minute.
const steps = 75

const shortest, growth = 100 * time.Microsecond, 1.2

func (w *window) add(at time.Time, took time.Duration) {
	step := 0
	for limit := float64(shortest); float64(took) > limit && step < steps-1; limit *= growth {
		step++
	}
	number := at.Unix() / int64(slotTime/time.Second)
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.slots[number%int64(len(w.slots))]
	if s.number != number {
		*s = slot{number: number}
	}
	s.counts[step]++
}

// recent returns how many answers there were, and within which time half and 95
// of 100 of them came.
func (w *window) recent(now time.Time) (count int, half, most time.Duration) {
	number := now.Unix() / int64(slotTime/time.Second)
	var counts [steps]uint32
	w.mu.Lock()
	for i := range w.slots {
		if s := &w.slots[i]; number-s.number < int64(len(w.slots)) {
			for step, n := range s.counts {
				counts[step] += n
				count += int(n)
			}
		}
	}
	w.mu.Unlock()
	return count, within(&counts, (count+1)/2), within(&counts, (count*95+99)/100)
}

// within returns the upper limit of the step that the nth answer is in.
func within(counts *[steps]uint32, nth int) time.Duration {
	if nth == 0 {
		return 0
	}
	limit := float64(shortest)
	for _, n := range counts {
		if nth -= int(n); nth <= 0 {
			break
		}
		limit *= growth
	}
	return time.Duration(limit)
}
