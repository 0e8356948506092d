"""The Lua scripts of the store: what must not be torn apart, and who may still write.

A write is fenced by the writer's (lease, dial): a stage that was replaced, and wakes up late, changes nothing. A record
that is not there refuses nobody, since Redis may have come back without its data. Numbers stay below 2^53.

Each script is given all keys of one session: 1 over, 2 owner, 3 lease, 4 record, 5 history. `over` is there for a while
when a session has ended: "kept", it can't be renewed, nor made to last longer; "gone", it was deleted, and nobody
writes anything down again.
"""

from __future__ import annotations

from typing import Final

TAKE: Final = """
local owner = redis.call('GET', KEYS[2])
if owner and owner ~= ARGV[1] and ARGV[3] == '0' then return -1 end
-- After a failover the counter may have fallen back; the clock keeps the lease growing, and the record knows the last.
local now = redis.call('TIME')
local lease = now[1] * 1000 + math.floor(now[2] / 1000)
lease = math.max(lease, tonumber(redis.call('GET', KEYS[3]) or '0') + 1)
lease = math.max(lease, tonumber(redis.call('HGET', KEYS[4], 'lease') or '0') + 1)
redis.call('SET', KEYS[3], string.format('%.0f', lease), 'EX', ARGV[4])
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[1])
return string.format('%.0f', lease)
"""
"""Arguments: owner, its life in ms, by force, life of the lease in s. Returns the lease, or -1: another has it."""

RENEW: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
if tonumber(redis.call('GET', KEYS[3]) or '0') > tonumber(ARGV[3]) then return 0 end
-- A Redis that came back without its data has forgotten the lease: nobody has taken it, so it stands again.
redis.call('SET', KEYS[3], ARGV[3], 'EX', ARGV[4])
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
redis.call('EXPIRE', KEYS[4], ARGV[5])
redis.call('EXPIRE', KEYS[5], ARGV[5])
return 1 + redis.call('HEXISTS', KEYS[4], 'session')
"""
"""Arguments: owner, its life in ms, lease, its life in s, that of record and history.

Returns 0: a later lease exists, or the session is over. 1: the lease stands, and of the record there is nothing, or
only what others than its owner write. 2: all is well."""

FORGET: Final = """
local mine = tonumber(ARGV[1])
if mine > 0 and tonumber(redis.call('GET', KEYS[3]) or '0') > mine then return 0 end
redis.call('DEL', KEYS[2], KEYS[3])
if redis.call('GET', KEYS[1]) == 'gone' then return 1 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[4], KEYS[5])
  redis.call('SET', KEYS[1], 'gone', 'EX', ARGV[4])
else
  redis.call('EXPIRE', KEYS[4], ARGV[2])
  redis.call('EXPIRE', KEYS[5], ARGV[2])
  redis.call('SET', KEYS[1], 'kept', 'EX', ARGV[3])
end
return 1
"""
"""Arguments: lease, or 0 for whoever holds it; how long record and history are kept, in s, 0: they go at once; how long
that it is over is known, in s, if they are kept and if not. Returns 0: not mine."""

DELETE: Final = """
if redis.call('EXISTS', KEYS[3]) == 1 then return -1 end
local found = redis.call('DEL', KEYS[4], KEYS[5])
if found > 0 then redis.call('SET', KEYS[1], 'gone', 'EX', ARGV[1]) end
return found
"""
"""Arguments: how long that it is gone is known, in s. Returns -1: the session goes on. 0: there was nothing."""

_FENCED: Final = """
local function is_fenced(record, lease, dial)
  local stored = redis.call('HMGET', record, 'lease', 'dial')
  local theirs, mine = tonumber(stored[1] or '0'), tonumber(lease)
  if mine == 0 then return false end
  return theirs > mine or theirs == mine and tonumber(stored[2] or '0') > tonumber(dial)
end
local function raise(record, field, value)
  if tonumber(redis.call('HGET', record, field) or '0') < tonumber(value) then
    redis.call('HSET', record, field, value)
  end
end
local over = redis.call('GET', KEYS[1])
local function live(key, life_s)
  if over ~= 'kept' or redis.call('TTL', key) < 0 then redis.call('EXPIRE', key, life_s) end
end
if over == 'gone' or is_fenced(KEYS[4], ARGV[1], ARGV[2]) then return -1 end
"""
"""Begins every script whose first arguments are the writer's lease (0: nobody asks) and dial: one that was replaced, or
whose session was deleted, gets -1."""

WRITE: Final = (
    _FENCED
    + """
redis.call('HSET', KEYS[4], unpack(ARGV, 6))
raise(KEYS[4], 'floor', ARGV[4])
raise(KEYS[4], 'seq', ARGV[5])
live(KEYS[4], ARGV[3])
return 1
"""
)
"""Arguments: lease, dial, life in s, floor, seq, then fields and values."""

RAISE: Final = (
    _FENCED
    + """
for index = 4, #ARGV, 2 do raise(KEYS[4], ARGV[index], ARGV[index + 1]) end
live(KEYS[4], ARGV[3])
return 1
"""
)
"""Arguments: lease, dial, life in s, then fields and figures that only grow."""

RAISE_IF_THERE: Final = "if redis.call('EXISTS', KEYS[4]) == 0 then return 0 end\n" + RAISE
"""The same, but a session that has been forgotten stays so."""

APPEND: Final = (
    _FENCED
    + """
-- Whoever got no answer asks again, and the first request may have been carried out after all.
for _, entry in ipairs(redis.call('XREVRANGE', KEYS[5], '+', '-', 'COUNT', ARGV[5])) do
  if entry[2][2] == ARGV[4] then return redis.call('XLEN', KEYS[5]) end
end
redis.call('XADD', KEYS[5], '*', 'item', ARGV[4])
live(KEYS[5], ARGV[3])
return redis.call('XLEN', KEYS[5])
"""
)
"""Arguments: lease, dial, life in s, item, how many of the newest items it may stand among.

Returns how many items there are then."""
