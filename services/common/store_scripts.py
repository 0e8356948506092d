"""The Lua scripts of the store: what must not be torn apart, and who may still write.

A write is fenced by the writer's (lease, dial): a stage that was replaced, and wakes up late, changes nothing. A record
that is not there refuses nobody, since Redis may have come back without its data. Numbers stay below 2^53.
"""

from __future__ import annotations

from typing import Final

TAKE: Final = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] and ARGV[3] == '0' then return -1 end
-- After a failover the counter may have fallen back; the clock keeps the lease growing.
local now = redis.call('TIME')
local lease = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, now[1] * 1000 + math.floor(now[2] / 1000))
redis.call('SET', KEYS[2], string.format('%.0f', lease), 'EX', ARGV[4])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return string.format('%.0f', lease)
"""
"""Keys: owner, lease. Arguments: owner, its life in ms, by force, life of the lease in s. Returns the lease, or -1."""

RENEW: Final = """
if tonumber(redis.call('GET', KEYS[2]) or '0') > tonumber(ARGV[3]) then return 0 end
-- A Redis that came back without its data has forgotten the lease: nobody has taken it, so it stands again.
redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[4])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1 + redis.call('EXISTS', KEYS[3])
"""
"""Keys: owner, lease, record. Arguments: owner, its life in ms, lease, life of the lease in s.

Returns 0: a later lease exists. 1: the lease stands, and there is no record. 2: all is well."""

FORGET: Final = """
local mine = tonumber(ARGV[1])
if mine > 0 and tonumber(redis.call('GET', KEYS[2]) or '0') > mine then return 0 end
redis.call('DEL', unpack(KEYS))
return 1
"""
"""Keys: owner, lease, and what else is to go. Arguments: lease, or 0 for whoever holds it. Returns 0: not mine."""

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
if is_fenced(KEYS[1], ARGV[1], ARGV[2]) then return -1 end
"""
"""Begins every script whose first key is the record and whose first arguments are the writer's lease (0: nobody asks)
and dial: one that was replaced gets -1."""

WRITE: Final = (
    _FENCED
    + """
redis.call('HSET', KEYS[1], unpack(ARGV, 6))
raise(KEYS[1], 'floor', ARGV[4])
raise(KEYS[1], 'seq', ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
)
"""Key: record. Arguments: lease, dial, life in s, floor, seq, then fields and values."""

RAISE: Final = (
    _FENCED
    + """
for index = 4, #ARGV, 2 do raise(KEYS[1], ARGV[index], ARGV[index + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
)
"""Key: record. Arguments: lease, dial, life in s, then fields and figures that only grow."""

RAISE_IF_THERE: Final = "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end\n" + RAISE
"""The same, but a session that has been forgotten stays so."""

APPEND: Final = (
    _FENCED
    + """
-- Whoever got no answer asks again, and the first request may have been carried out after all.
for _, entry in ipairs(redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', ARGV[5])) do
  if entry[2][2] == ARGV[4] then return redis.call('XLEN', KEYS[2]) end
end
redis.call('XADD', KEYS[2], '*', 'item', ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return redis.call('XLEN', KEYS[2])
"""
)
"""Keys: record, history. Arguments: lease, dial, life in s, item, how many of the newest items it may stand among.

Returns how many items there are then."""
