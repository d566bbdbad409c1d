package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// A replicaError says that too few replicas have a write.
type replicaError struct{ got, want int }

func (e *replicaError) Error() string {
	return fmt.Sprintf("it was written, but only %d of %d replicas have confirmed it within %v", e.got, e.want, replicaWait)
}

// replicate calls write with one connection to the master of the record's slot,
// and waits for the replicas on the same: WAIT counts the writes of its own
// connection. The client of a cluster would send it to any node.
func (s *Store) replicate(ctx context.Context, n names, write func(processor) (wrote bool, err error)) error {
	var master *redis.Client
	switch c := s.Client.(type) {
	case *redis.Client:
		master = c
	case *redis.ClusterClient:
		var err error
		if master, err = c.MasterForKey(ctx, n.record); err != nil {
			return err
		}
	}
	conn := master.Conn()
	defer conn.Close()
	wrote, err := write(conn)
	if c, ok := s.Client.(*redis.ClusterClient); ok && redis.HasErrorPrefix(err, "MOVED") {
		c.ReloadState(ctx)
	}
	if !wrote || err != nil {
		return err
	}
	wait := replicaWait
	if limit := master.Options().ReadTimeout; limit > 0 {
		wait = min(wait, limit/2) // for the answer comes in time
	}
	cmd := newOnceCmd(ctx, "wait", s.Replicas, max(wait, time.Millisecond).Milliseconds())
	if err := conn.Process(ctx, cmd); err != nil {
		return err
	}
	if got, _ := cmd.Val().(int64); got < int64(s.Replicas) {
		return &replicaError{int(got), s.Replicas}
	}
	return nil
}
