package redisstore

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// An attempt to take a lock that reaches the server after a later one of the
// same waiter does not take that one's place, and a lock that it takes after
// that was lost is not mistaken for it.
func TestLateAttempts(t *testing.T) {
	m := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: m.Addr()})
	defer client.Close()
	run := func(s script, args ...any) int64 {
		t.Helper()
		answer, err := s.run(t.Context(), client, []string{"lock", "queue"}, args...)
		if err != nil {
			t.Fatal(err)
		}
		return answer.(int64)
	}
	take := func(attempt int) int64 { return run(takeScript, "w", attempt, 1000) }
	release := func(attempt int) int64 { return run(releaseScript, "w", attempt, 100) }

	for _, attempt := range []int{1, 2} {
		if got := take(attempt); got != -1 {
			t.Errorf("attempt %d: got %d, want that it has the lock", attempt, got)
		}
	}
	take(1)
	if got, _ := m.Get("lock"); got != "w:2" {
		t.Errorf("after attempt 1 came late: got %q, want that attempt 2 has the lock", got)
	}
	if got := release(2); got != 1 {
		t.Errorf("release of attempt 2: got %d, want 1", got)
	}
	take(1) // later still
	if got := release(2); got != 0 {
		t.Errorf("release of attempt 2 when attempt 1 has the lock: got %d, want 0", got)
	}
	if m.Exists("lock") {
		t.Error("the lock of attempt 1 is left")
	}
}
