// Every Lua script of the Redis store. A script is one atomic step of the server, so each write is one of them: it looks
// whether what was read is still there, and only then changes it, its indexes and the feed. No rule of sessions is
// written in Lua. Owns the scripts; what keys and values look like is redis-layout.ts.
//
// Redis does not undo the first half of a script that fails, so each one asks everything that can fail before it writes:
// the type of every key that it is going to change, but for a number of the feed that nobody gets. Lack of memory, a read-only replica and a full disk make the first
// write fail, never a later one. Every key is named in KEYS and all share one hash tag: a Cluster needs both to run a
// script on the right node, and to refuse it while the slot is half way to another one.

import { createHash } from "node:crypto";

/** A script and the name under which the server keeps it. */
export interface Script {
  readonly source: string;
  /** SHA-1 of the source, in hex. */
  readonly sha: string;
}

function script(source: string): Script {
  return { source, sha: createHash("sha1").update(source).digest("hex") };
}

/**
 * The format mark, and what the server says of its memory and its persistence (empty where it may not be asked). Where
 * there is no mark, it is made, or empty. KEYS: mark. ARGV: the mark to make, or ''.
 */
export const openScript: Script = script(`
local format = redis.call('GET', KEYS[1])
if not format then
  format = ARGV[1]
  if format ~= '' then redis.call('SET', KEYS[1], format) end
end
local function info(section)
  local text = redis.pcall('INFO', section)
  return type(text) == 'string' and text or ''
end
return {format, info('memory'), info('persistence')}
`);

/** Answers 1 where a write would be accepted: a replica refuses this one, which removes a member that nobody adds. KEYS: ids. */
export const pingScript: Script = script(`
redis.call('ZREM', KEYS[1], '')
return 1
`);

/** Seconds and microseconds of the server. KEYS: mark. */
export const timeScript: Script = script(`
return redis.call('TIME')
`);

/** The values of keys; nothing for those that are not there. KEYS: any. */
export const readScript: Script = script(`
local values = {}
for index, key in ipairs(KEYS) do values[index] = redis.call('GET', key) end
return values
`);

/**
 * A page of an index in the order of its members' bytes. KEYS: index.
 * ARGV: ZRANGEBYLEX or ZREVRANGEBYLEX, where to start, where to end, how many.
 */
export const pageScript: Script = script(`
return redis.call(ARGV[1], KEYS[1], ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
`);

/**
 * Adds a session; 0 when its id is taken. KEYS: session, ids, subject.
 * ARGV: value, its time to live, member of ids, member of subject or '' for a session that has ended.
 */
export const insertScript: Script = script(`
local stored = redis.call('GET', KEYS[1])
if stored then return string.sub(stored, 9, 16) == string.sub(ARGV[1], 9, 16) and 1 or 0 end
redis.call('ZCARD', KEYS[2])
redis.call('ZCARD', KEYS[3])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('ZADD', KEYS[2], 0, ARGV[3])
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[3], 0, ARGV[4]) end
return 1
`);

/**
 * Replaces a session whose version is the expected one: 1, or 0 when it is not, or its subject in a list when that is
 * another one. A write that the driver sent twice is known by its mark and answered with 1 again. KEYS: session, subject, feed, sequence.
 * ARGV: expected version, value, its time to live, member of subject, entry of the feed or '', its time to live, channel.
 */
export const commitScript: Script = script(`
local stored = redis.call('GET', KEYS[1])
if not stored then return 0 end
local value, entry = ARGV[2], ARGV[5]
if string.sub(stored, 9, 16) == string.sub(value, 9, 16) then return 1 end
if string.sub(stored, 1, 8) ~= ARGV[1] then return 0 end
local subjectEnd = 19 + 256 * string.byte(stored, 18) + string.byte(stored, 19)
if string.sub(stored, 18, subjectEnd) ~= string.sub(value, 18, subjectEnd) then
  return {string.sub(stored, 20, subjectEnd)}
end
local ended = string.sub(value, 17, 17)
local listed = string.sub(stored, 17, 17) ~= ended
if listed then redis.call('ZCARD', KEYS[2]) end
if entry ~= '' then
  local sequence = string.format('%.0f', redis.call('INCR', KEYS[4]))
  redis.call('ZADD', KEYS[3], sequence, sequence .. ':' .. entry)
  redis.call('PEXPIRE', KEYS[3], ARGV[6])
end
redis.call('SET', KEYS[1], value, 'PX', ARGV[3])
if listed and ended == '1' then redis.call('ZREM', KEYS[2], ARGV[4]) end
if listed and ended == '0' then redis.call('ZADD', KEYS[2], 0, ARGV[4]) end
if entry ~= '' then redis.pcall('PUBLISH', ARGV[7], '') end
return 1
`);

/**
 * Removes sessions whose version still is the one that was looked at, and what indexes keep of sessions that are gone;
 * the number of sessions removed. KEYS: ids, then session and subject of each.
 * ARGV: member of ids and version of each, '' for one that was gone.
 */
export const removeScript: Script = script(`
local removed = 0
redis.call('ZCARD', KEYS[1])
for index = 1, #ARGV / 2 do
  local session, subject = KEYS[2 * index], KEYS[2 * index + 1]
  local member, version = ARGV[2 * index - 1], ARGV[2 * index]
  local stored = redis.call('GET', session)
  if stored and string.sub(stored, 1, 8) == version then
    redis.call('DEL', session)
    removed = removed + 1
    stored = false
  end
  if not stored then
    redis.call('ZREM', KEYS[1], member)
    redis.pcall('ZREM', subject, string.sub(member, 1, 16))
  end
end
return removed
`);

/**
 * The entry at a position, the newest one, then those after the position that have not lapsed. KEYS: feed.
 * ARGV: position, now in seconds, how many.
 */
export const feedScript: Script = script(`
local seen = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[1])
local newest = redis.call('ZREVRANGE', KEYS[1], 0, 0)
local page = {seen[1] or '', newest[1] or ''}
local now, limit, offset = tonumber(ARGV[2]), tonumber(ARGV[3]), 0
repeat
  local chunk = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'LIMIT', offset, limit)
  for _, entry in ipairs(chunk) do
    local exp = tonumber(string.match(entry, '^%d+:(%d+):'))
    if #page < limit + 2 and not (exp and exp <= now) then page[#page + 1] = entry end
  end
  offset = offset + limit
until #chunk < limit or #page == limit + 2
return page
`);

/** Removes those of the oldest entries that have lapsed; how many. KEYS: feed. ARGV: how many to look at, now. */
export const purgeFeedScript: Script = script(`
local removed, now = 0, tonumber(ARGV[2])
for _, entry in ipairs(redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)) do
  local exp = tonumber(string.match(entry, '^%d+:(%d+):'))
  if exp and exp <= now then removed = removed + redis.call('ZREM', KEYS[1], entry) end
end
return removed
`);

/**
 * Changes documents, all or none: 1, or 0 when a version is not the expected one. KEYS: index, then each document.
 * ARGV: the mark of this write, then of each: expected version, key, value or '' to remove it.
 */
export const documentsScript: Script = script(`
redis.call('ZCARD', KEYS[1])
local again, matches = false, true
for index = 1, #KEYS - 1 do
  local stored = redis.call('GET', KEYS[index + 1])
  local version = stored and string.sub(stored, 1, 8) or string.rep('\\0', 8)
  again = again or (stored and string.sub(stored, 9, 16) == ARGV[1])
  matches = matches and version == ARGV[3 * index - 1]
end
if again then return 1 end
if not matches then return 0 end
for index = 1, #KEYS - 1 do
  local key, value = ARGV[3 * index], ARGV[3 * index + 1]
  if value == '' then
    redis.call('DEL', KEYS[index + 1])
    redis.call('ZREM', KEYS[1], key)
  else
    redis.call('SET', KEYS[index + 1], value)
    redis.call('ZADD', KEYS[1], 0, key)
  end
end
return 1
`);
