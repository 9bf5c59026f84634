import type { JobId } from '../core/job.ts'
import { endedStages, oneOf } from './job-prelude.ts'
import { keys } from './keys.ts'

/**
 * The Lua side of destroying jobs. A job that the recorder may still have to tell of leaves a remainder: its state and
 * whose it was, without content. The stream of records says whether it may: its ids are times of Redis' own clock.
 */

/** By so much the clock of whoever ended a job may be behind that of Redis, in milliseconds. */
const clockMarginMs = 10_000

const prelude = `
local call = redis.call

-- When the oldest record was written that nobody has told of; nil where there is none.
local function oldestRecordAt(records)
  local oldest = call('XRANGE', records, '-', '+', 'COUNT', 1)[1]
  return oldest and tonumber(string.match(oldest[1], '^%d+'))
end

-- A line of a batch that has no outcome yet: without its job it would be run again.
local function isOpenLine(id, spec)
  return spec and spec.batch and call('HEXISTS', 'sluice:batch:' .. spec.batch .. ':open', id) == 1
end

-- What it holds is given back by the recorder.
local function holdsMoney(hold) return call('HEXISTS', hold, 'left') == 1 end
`

/**
 * KEYS job private result events kept estimate hold tenantJobs deadLetters tenantDeadLetters shredded records
 * ARGV id now freesKey record. Returns what was found ('missing', 'open', 'shredded' before, or 'destroyed' now), whether
 * it was a dead letter, and the key under which its answer is kept.
 */
const shred = `${prelude}
local id = ARGV[1]
local stage, shredded, plan, finished, cacheKey = unpack(call('HMGET', KEYS[1], 'stage', 'shredded', 'plan', 'finished',
  'cache_key'))
if stage and not (${oneOf(endedStages)}) then return {'open', 0, ''} end
local text, claim = unpack(call('HMGET', KEYS[2], 'spec', 'claim'))
local spec = text and cjson.decode(text)
call('DEL', KEYS[3], KEYS[4], KEYS[5])
-- A cloud dispatcher that ended the job may not have been allowed to delete the copies of other pools.
if plan and not shredded then
  for _, candidate in ipairs(cjson.decode(plan).candidates) do
    call('DEL', 'sluice:body:' .. candidate.pool .. ':' .. id)
  end
end
if claim and ARGV[3] ~= '' then
  local holder = call('GET', claim)
  if holder and string.sub(holder, 1, #id) == id then
    call('DEL', claim)
    local index, hash = string.match(claim, '^(.*):([^:]*)$')
    call('ZREM', index, hash)
  end
end
call('ZREM', KEYS[8], id)
-- One that began in its lane and was cancelled before anybody took it.
call('ZREM', '${keys.untaken}', id)
local buried = call('ZREM', KEYS[10], id)
call('ZREM', KEYS[9], id)
local found = (not stage and not spec) and 'missing' or (shredded and 'shredded' or 'destroyed')
local isTold = ARGV[4] ~= '' and stage and not shredded
if isTold then call('XADD', KEYS[12], '*', 'k', 'action', 'data', ARGV[4]) end
local oldest = oldestRecordAt(KEYS[12])
local isRecorded = not isTold and (not oldest or tonumber(finished or 0) + ${clockMarginMs} < oldest)
if not stage or (isRecorded and not shredded and not isOpenLine(id, spec) and not holdsMoney(KEYS[7])) then
  call('DEL', KEYS[1], KEYS[2], KEYS[6])
  if not holdsMoney(KEYS[7]) then call('DEL', KEYS[7]) end
  return {found, buried, cacheKey or ''}
end
if shredded then return {found, buried, cacheKey or ''} end
-- As a dead letter that was discarded: a recorder that is late must not keep it for a replay.
call('HSET', KEYS[1], 'shredded', ARGV[2], 'discarded', ARGV[2])
call('HDEL', KEYS[2], 'body', 'vault', 'request', 'claim')
if spec then
  spec.metadata, spec.webhook, spec.traceparent = nil, nil, nil
  call('HSET', KEYS[2], 'spec', cjson.encode(spec))
end
local time = call('TIME')
call('ZADD', KEYS[11], tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000), id)
local left = math.max(call('PTTL', KEYS[1]), call('PTTL', KEYS[2]))
if call('PTTL', KEYS[11]) < left then call('PEXPIRE', KEYS[11], left) end
return {found, buried, cacheKey or ''}
`

/**
 * KEYS shredded records · ARGV most. Removes what was left of jobs that all has been told of. Returns how many were looked
 * at and how many are gone.
 */
const sweep = `${prelude}
local oldest = oldestRecordAt(KEYS[2])
local before = oldest and '(' .. string.format('%.0f', oldest) or '+inf'
local ids = call('ZRANGEBYSCORE', KEYS[1], '-inf', before, 'LIMIT', 0, ARGV[1])
local gone = 0
for _, id in ipairs(ids) do
  local job, private, hold = '${keys.job('' as JobId)}' .. id, '${keys.private('' as JobId)}' .. id, '${keys.hold('' as JobId)}' .. id
  local text = call('HGET', private, 'spec')
  if isOpenLine(id, text and cjson.decode(text)) or holdsMoney(hold) then
    local time = call('TIME')
    call('ZADD', KEYS[1], 'XX', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000), id)
  else
    call('DEL', job, private, hold, '${keys.estimate('' as JobId)}' .. id)
    call('ZREM', KEYS[1], id)
    gone = gone + 1
  end
end
return {#ids, gone}
`

/** KEYS job · ARGV cacheKey: its answer is kept under this key. 0 where the job is gone or was destroyed. */
const noteCached = `
local call = redis.call
local stage, shredded = unpack(call('HMGET', KEYS[1], 'stage', 'shredded'))
if not stage or shredded then return 0 end
call('HSET', KEYS[1], 'cache_key', ARGV[1])
return 1
`

/**
 * KEYS job private: what was asked for is kept no longer than the answer. A dispatcher that ends a job may not touch it, and
 * before the end nobody knows how soon that comes.
 */
const retire = `
local call = redis.call
local left = call('PTTL', KEYS[1])
if left >= 0 and call('PTTL', KEYS[2]) > left then call('PEXPIRE', KEYS[2], left) end
return 1
`

export const shredScripts = { shred, sweep, noteCached, retire } as const
