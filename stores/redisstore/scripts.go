package redisstore

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// A record is one string: a header of headerSize bytes and the value. The header
// is a letter, value or tombstone, and the version, 16 random bytes that each
// write makes anew. Absent is a record that no key holds, or a tombstone.

// readScript returns the first bytes of a record, and "" if there is none. It is
// a script because a command that reads may be sent to a replica, which lags: a
// client that routes by latency does so.
//
//	KEYS  record
//	ARGV  index of the last byte, -1 for all
var readScript = newScript(`
return redis.call('GETRANGE', KEYS[1], 0, ARGV[1])
`)

// writeScript replaces the record that has the header seen. It returns 1, or 0
// if the record is another one by now. An earlier attempt may have done the work
// already: then it does so again, which changes nothing, but is a write that
// WAIT can wait for.
//
//	KEYS  record
//	ARGV  header seen, "" for none; the new record; its milliseconds to live, 0 for ever
var writeScript = newScript(`
local header = redis.call('GETRANGE', KEYS[1], 0, 16)
if header ~= ARGV[1] and header ~= string.sub(ARGV[2], 1, 17) then
  return 0
end
if ARGV[3] == '0' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
`)

// A lock holds the waiter that has it and the number of the attempt that took it,
// as in "waiter:7". Number 0 says that it is reserved for the waiter, which has
// not taken it yet. The queue is a sorted set of the waiters of other processes.

// takeScript takes the lock if it is free or reserved for the waiter, and
// returns -1. Otherwise it puts the waiter into the queue, and returns after how
// many milliseconds the lock ends if it is not renewed. An earlier attempt of
// the same waiter whose answer was lost may have taken it: then a later attempt
// takes it over, and never the other way round, so that an attempt that reaches
// the server late does not look like the one that the waiter knows of.
//
//	KEYS  lock, queue
//	ARGV  waiter, number of the attempt, lease in milliseconds
var takeScript = newScript(`
local lock = redis.call('GET', KEYS[1])
local mine = ARGV[1] .. ':'
if lock and string.sub(lock, 1, #mine) ~= mine then
  local left = redis.call('PTTL', KEYS[1])
  if left < 0 then
    left = tonumber(ARGV[3])
  end
  if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then
    local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
    redis.call('ZADD', KEYS[2], (tonumber(last[2]) or 0) + 1, ARGV[1])
  end
  redis.call('PEXPIRE', KEYS[2], left + ARGV[3])
  return left
end
if lock and tonumber(string.sub(lock, #mine + 1)) >= tonumber(ARGV[2]) then
  return 0
end
redis.call('SET', KEYS[1], mine .. ARGV[2], 'PX', ARGV[3])
redis.call('ZREM', KEYS[2], ARGV[1])
return -1
`)

// renewScript makes the lock last for another lease, and returns 1, or 0 if it
// is lost.
//
//	KEYS  lock
//	ARGV  what the lock holds, lease in milliseconds
var renewScript = newScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
`)

// releaseScript takes the waiter out of the queue, and if it has the lock,
// reserves that for the first of the queue, and tells so. It returns 1 if the
// waiter had the lock by that attempt. It publishes first: if that is not
// allowed, nothing has changed.
//
//	KEYS  lock, queue
//	ARGV  waiter, number of the attempt, milliseconds for which the lock is reserved
var releaseScript = newScript(`
redis.call('ZREM', KEYS[2], ARGV[1])
local lock = redis.call('GET', KEYS[1])
local mine = ARGV[1] .. ':'
if not lock or string.sub(lock, 1, #mine) ~= mine then
  return 0
end
local first = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
if first then
  redis.call('PUBLISH', KEYS[1], first)
  redis.call('ZREM', KEYS[2], first)
  redis.call('SET', KEYS[1], first .. ':0', 'PX', ARGV[3])
else
  redis.call('DEL', KEYS[1])
end
if lock == mine .. ARGV[2] then
  return 1
end
return 0
`)

type script struct{ source, hash string }

func newScript(source string) script { return script{source, redis.NewScript(source).Hash()} }

// A processor is a client, or one of its connections.
type processor interface {
	Process(ctx context.Context, cmd redis.Cmder) error
}

// run sends the script's hash, and the script if the server does not have it.
func (s script) run(ctx context.Context, p processor, keys []string, args ...any) (any, error) {
	cmd := s.command(ctx, "evalsha", s.hash, keys, args)
	err := p.Process(ctx, cmd)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		cmd = s.command(ctx, "eval", s.source, keys, args)
		err = p.Process(ctx, cmd)
	}
	return cmd.Val(), err
}

func (s script) command(ctx context.Context, name, body string, keys []string, args []any) *onceCmd {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, name, body, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	return newOnceCmd(ctx, append(all, args...)...)
}

// A onceCmd is a command that go-redis sends only once. Its own retries do not
// tell whether an earlier attempt may have reached the server, which decides
// what the answer to a later one means.
type onceCmd struct{ *redis.Cmd }

func newOnceCmd(ctx context.Context, args ...any) *onceCmd {
	return &onceCmd{redis.NewCmd(ctx, args...)}
}

// NoRetry implements [redis.Cmder].
func (*onceCmd) NoRetry() bool { return true }
