/** The Lua side of the record stream: who may record, and the one step that books a batch. */

/**
 * KEYS recorder lease. Returns `held`, `foreign` and the archive's name, or `yours`, the fence and the position. The
 * fence rises with every lease, so that a recorder that was only slow can book nothing any more.
 */
export const acquireRecords = `
local call = redis.call
local holder = call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then return {'held'} end
local archive = call('HGET', KEYS[1], 'archive')
if archive and archive ~= ARGV[3] then return {'foreign', archive} end
call('HSET', KEYS[1], 'archive', ARGV[3])
call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
local fence = call('HINCRBY', KEYS[1], 'fence', 1)
return {'yours', fence, call('HGET', KEYS[1], 'position') or '0-0'}
`

/** KEYS lease */
export const renewRecords = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`

/** KEYS lease */
export const releaseRecords = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
`

/**
 * KEYS recorder lease records heads day…; ARGV fence from to leaseMs trimBefore headCount, then pairs of tenant and head,
 * then per day: when it expires (Unix time in ms), how many cells, and pairs of field and amount.
 */
export const commitRecords = `
local call = redis.call
local state = call('HMGET', KEYS[1], 'fence', 'position')
if state[1] ~= ARGV[1] then return 0 end
local position = state[2] or '0-0'
-- Redis has done this already, and the connection broke before it could say so.
if position == ARGV[3] then return 1 end
if position ~= ARGV[2] then return 0 end
call('HSET', KEYS[1], 'position', ARGV[3])
call('PEXPIRE', KEYS[2], ARGV[4])
call('XTRIM', KEYS[3], 'MINID', ARGV[5])
local heads = tonumber(ARGV[6])
for index = 7, 5 + 2 * heads, 2 do call('HSET', KEYS[4], ARGV[index], ARGV[index + 1]) end
local at = 7 + 2 * heads
for day = 5, #KEYS do
  local expiresAt, cells = ARGV[at], tonumber(ARGV[at + 1])
  at = at + 2
  for _ = 1, cells do
    call('HINCRBY', KEYS[day], ARGV[at], ARGV[at + 1])
    at = at + 2
  end
  call('PEXPIREAT', KEYS[day], expiresAt)
end
return 1
`
