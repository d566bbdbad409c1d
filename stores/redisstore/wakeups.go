package redisstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// reconnectPause keeps receive, which connects anew by itself, from doing nothing
// else while the server is gone.
const reconnectPause = 100 * time.Millisecond

// A wakeup tells a waiter after how long it should look at its lock again, or
// why it will not be told.
type wakeup struct {
	after time.Duration
	err   error
}

// wakeups tell the waiters of one Store that their locks were released. All of
// them share one connection, which is not one of the pool's, and which exists
// while there are waiters, together with one goroutine that reads from it. It
// subscribes to one channel per key, that has the name of its lock: in a cluster,
// each node hears of what is published at any.
//
// Nothing depends on it but time: a waiter that is not told looks at its lock
// when that expires.
type wakeups struct {
	mu      sync.Mutex // guards what follows, and sending to waiters
	pubsub  *redis.PubSub
	waiters map[string]*waiter // by channel

	commands sync.Mutex // held while a command is sent: see settle
}

type waiter struct {
	id   string
	news chan wakeup // holds at most one, the most urgent
}

// listen begins to wait for news of the channel, which says which waiter is the
// next one. stop ends it. There is one waiter per channel.
func (w *wakeups) listen(s *Store, channel, id string) (news <-chan wakeup, stop func()) {
	me := &waiter{id, make(chan wakeup, 1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pubsub == nil {
		w.pubsub = s.Client.Subscribe(context.Background()) // to nothing: no connection yet
		go w.receive(w.pubsub, s.reservation())
	}
	if w.waiters == nil {
		w.waiters = make(map[string]*waiter)
	}
	w.waiters[channel] = me
	go w.settle(w.pubsub, channel)
	return me.news, func() { w.stop(channel) }
}

func (w *wakeups) stop(channel string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waiters, channel)
	if len(w.waiters) > 0 {
		go w.settle(w.pubsub, channel)
		return
	}
	go w.pubsub.Close() // which waits for a dial under way, and ends receive
	w.pubsub = nil
}

// settle subscribes to the channel if there is a waiter for it, and unsubscribes
// if not. It runs in a goroutine after each change; the last one to run sees the
// last change. It ends when the command is written, within the client's timeouts.
func (w *wakeups) settle(pubsub *redis.PubSub, channel string) {
	w.commands.Lock()
	defer w.commands.Unlock()
	w.mu.Lock()
	waited := w.waiters[channel] != nil
	current := w.pubsub == pubsub
	w.mu.Unlock()
	// If it fails, receive connects anew, and subscribes to all.
	switch {
	case !current: // it is closed
	case waited:
		_ = pubsub.Subscribe(context.Background(), channel)
	default:
		_ = pubsub.Unsubscribe(context.Background(), channel)
	}
}

// receive passes on what comes from the connection, until that is closed.
func (w *wakeups) receive(pubsub *redis.PubSub, reservation time.Duration) {
	for {
		message, err := pubsub.Receive(context.Background())
		switch m := message.(type) {
		case *redis.Subscription:
			// What was published before is lost.
			w.tell(m.Channel, func(*waiter) wakeup { return wakeup{} })
		case *redis.Message:
			w.tell(m.Channel, func(to *waiter) wakeup {
				if to.id == m.Payload {
					return wakeup{}
				}
				return wakeup{after: reservation} // in case the next one has died
			})
		}
		if err == nil {
			continue
		}
		if !w.uses(pubsub) {
			return
		}
		if _, refused := errors.AsType[redis.Error](err); refused { // such as by the user's ACL
			w.tellAll(wakeup{err: err})
		}
		time.Sleep(reconnectPause)
	}
}

// uses reports whether there are waiters who hear of the connection. It is closed
// after that is no longer so.
func (w *wakeups) uses(pubsub *redis.PubSub) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pubsub == pubsub
}

func (w *wakeups) tell(channel string, news func(*waiter) wakeup) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if to := w.waiters[channel]; to != nil {
		to.tell(news(to))
	}
}

func (w *wakeups) tellAll(news wakeup) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, to := range w.waiters {
		to.tell(news)
	}
}

// tell leaves the news for the waiter, or the older ones if those are more
// urgent. It does not block: nobody else sends, because the caller holds
// wakeups.mu.
func (to *waiter) tell(news wakeup) {
	select {
	case old := <-to.news:
		if old.err != nil || news.err == nil && old.after < news.after {
			news = old
		}
	default:
	}
	to.news <- news
}
