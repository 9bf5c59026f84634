import { maxRetryAfterMs, rateBuckets } from '../core/rate-limit.ts'
import { counterPrelude } from './counter-scripts.ts'
import { keys } from './keys.ts'

/** After so long an estimate has left its minute in any case, and is forgotten. */
const estimateKeptMs = 60 * 60 * 1000

const ratePrelude = `${counterPrelude}
local function minute(counter)
  return {bucketMs = ${rateBuckets.bucketMs}, count = ${rateBuckets.count}, endsAt = 0, counter = counter}
end

local function add(place, amount, now)
  book(place, amount, now)
  call('PEXPIRE', place.counter, ${2 * maxRetryAfterMs})
end
`

/** KEYS requests tokens estimate · ARGV rpm tpm ('': none) tokens now */
const admit = `
local tokens, now = tonumber(ARGV[3]), tonumber(ARGV[4])
local wants, refusal = {1, tokens}, nil
for index = 1, 2 do
  if ARGV[index] ~= '' then
    local place = minute(KEYS[index])
    local surplus = read(place, now) + wants[index] - tonumber(ARGV[index])
    local free = now
    if wants[index] > tonumber(ARGV[index]) then free = math.huge
    elseif surplus > 0 then free = freeAt(place, now, surplus) end
    if free > now and (not refusal or free > refusal.free) then refusal = {index = index, free = free} end
  end
end
if refusal then return {refusal.index, refusal.free == math.huge and -1 or refusal.free - now} end
for index = 1, 2 do
  if ARGV[index] ~= '' then add(minute(KEYS[index]), wants[index], now) end
end
if ARGV[2] ~= '' then call('SET', KEYS[3], ARGV[4] .. ' ' .. ARGV[3], 'PX', ${estimateKeptMs}) end
return {0}
`

/** KEYS tokens estimate · ARGV tokens now */
const settleTokens = `
local at, estimate = string.match(call('GET', KEYS[2]) or '', '^(%d+) (%d+)$')
if not at then return end
local used, left = tonumber(ARGV[1]), tonumber(estimate)
call('SET', KEYS[2], at .. ' ' .. whole(math.max(left - used, 0)), 'KEEPTTL')
if used > left then
  local place, now = minute(KEYS[1]), tonumber(ARGV[2])
  read(place, now)
  add(place, used - left, now)
end
`

/** KEYS tokens estimate · ARGV now */
const releaseTokens = `
local at, left = string.match(call('GETDEL', KEYS[2]) or '', '^(%d+) (%d+)$')
if not at or left == '0' then return end
local place = minute(KEYS[1])
read(place, tonumber(ARGV[1]))
-- A second that has left the minute took the estimate with it.
if call('HEXISTS', KEYS[1], whole(bucketAt(place, tonumber(at)))) == 1 then add(place, -tonumber(left), tonumber(at)) end
`

/**
 * Permits: `permits` has the tenant of every job that runs or is parked, `running:<tenant>` and `parked:<tenant>` have
 * the jobs, `permits:due` when somebody must look after them. Tenants' keys are only known once a job was looked up.
 */
const permitPrelude = `
local call = redis.call

-- Gives free permits to parked jobs, in their order.
local function grant(tenant, dueAt)
  local running, parked = '${keys.running('')}' .. tenant, '${keys.parked('')}' .. tenant
  local limit = tonumber(call('HGET', '${keys.permitLimits}', tenant) or 0)
  local granted, free = {}, limit - call('SCARD', running)
  if free <= 0 then return granted end
  for index, job in ipairs(call('ZRANGE', parked, 0, free - 1)) do
    call('ZREM', parked, job)
    call('SADD', running, job)
    call('ZADD', '${keys.permitsDue}', dueAt, job)
    granted[index] = job
  end
  return granted
end
`

/** ARGV job tenant limit place dueAt */
const acquire = `
local job, tenant = ARGV[1], ARGV[2]
local running = '${keys.running('')}' .. tenant
call('HSET', '${keys.permitLimits}', tenant, ARGV[3])
call('HSET', '${keys.permits}', job, tenant)
call('ZADD', '${keys.permitsDue}', ARGV[5], job)
-- Behind those that wait already, and again at its old place.
if call('SISMEMBER', running, job) == 0 then call('ZADD', '${keys.parked('')}' .. tenant, 'NX', ARGV[4], job) end
local wake = {}
for _, granted in ipairs(grant(tenant, ARGV[5])) do
  if granted ~= job then wake[#wake + 1] = granted end
end
return {call('SISMEMBER', running, job), unpack(wake)}
`

/** ARGV job dueAt */
const releasePermit = `
local tenant = call('HGET', '${keys.permits}', ARGV[1])
call('ZREM', '${keys.permitsDue}', ARGV[1])
if not tenant then return {} end
call('HDEL', '${keys.permits}', ARGV[1])
call('SREM', '${keys.running('')}' .. tenant, ARGV[1])
call('ZREM', '${keys.parked('')}' .. tenant, ARGV[1])
return grant(tenant, ARGV[2])
`

/** ARGV job dueAt */
const checkPermit = `
local job = ARGV[1]
local tenant = call('HGET', '${keys.permits}', job)
if not tenant then
  call('ZREM', '${keys.permitsDue}', job)
  return {}
end
call('ZADD', '${keys.permitsDue}', ARGV[2], job)
local runs = call('SISMEMBER', '${keys.running('')}' .. tenant, job) == 1
local wake = grant(tenant, ARGV[2])
if runs then wake[#wake + 1] = job end
return wake
`

export const rateScripts = {
  admit: ratePrelude + admit,
  settleTokens: ratePrelude + settleTokens,
  releaseTokens: ratePrelude + releaseTokens,
}

export const permitScripts = {
  acquire: permitPrelude + acquire,
  release: permitPrelude + releasePermit,
  check: permitPrelude + checkPermit,
}
