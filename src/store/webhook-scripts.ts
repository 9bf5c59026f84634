import { keys } from './keys.ts'

/**
 * The Lua side of webhooks. A lane is the row of deliveries before one receiver: those that are due and those that are
 * being sent. `sluice:webhook:lanes` says which lane somebody must look at, and when; every step that changes a lane ends
 * by saying that anew, so no lane is forgotten and none is looked at for nothing.
 */
const prelude = `
local call = redis.call
local lanes, failing, pauses = '${keys.webhookLanes}', '${keys.webhookFailing}', '${keys.webhookPauses}'
local function dueOf(lane) return '${keys.webhookDue('')}' .. lane end
local function sendingOf(lane) return '${keys.webhookSending('')}' .. lane end

local function lookAgain(lane, isFull)
  local due = call('ZRANGE', dueOf(lane), 0, 0, 'WITHSCORES')[2]
  local lease = call('ZRANGE', sendingOf(lane), 0, 0, 'WITHSCORES')[2]
  if not due and not lease then
    call('ZREM', lanes, lane)
    call('SREM', failing, lane)
    call('HDEL', pauses, lane)
    return
  end
  local at
  if due and not isFull then at = math.max(tonumber(due), tonumber(call('HGET', pauses, lane) or 0)) end
  if lease then at = math.min(at or math.huge, tonumber(lease)) end
  call('ZADD', lanes, at or tonumber(due), lane)
end
`

/** Lua: what has fallen out of its log can be neither listed nor sent again, and is not kept when it has ended. */
const keepListed = `
local function deliveryOf(id) return '${keys.webhookDelivery('')}' .. id end
local function contentOf(id) return '${keys.webhookContent('')}' .. id end

local function isListed(id)
  local endpoint, tenant = unpack(call('HMGET', deliveryOf(id), 'endpoint', 'tenant'))
  local log = endpoint and '${keys.webhookLog('')}' .. endpoint or '${keys.webhookUrlLog('')}' .. (tenant or '')
  return call('ZSCORE', log, id)
end

local function trimLog(log, before, length)
  call('ZREMRANGEBYSCORE', log, '-inf', before)
  for _, id in ipairs(call('ZRANGE', log, 0, -1 - length)) do
    call('ZREM', log, id)
    if call('HGET', deliveryOf(id), 'status') ~= 'pending' then call('DEL', deliveryOf(id), contentOf(id)) end
  end
end

local function endDelivery(id, logMs, contentMs)
  if not isListed(id) then return call('DEL', deliveryOf(id), contentOf(id)) end
  call('PEXPIRE', deliveryOf(id), logMs)
  call('PEXPIRE', contentOf(id), contentMs)
end
`

/**
 * KEYS delivery content log [subject]; ARGV id lane now keepMs content logFrom logLength laneLength logMs field value…
 * Of a subject, a job or a batch, that is gone or was destroyed nothing is told, nor is an endpoint that was deleted.
 */
const add = `
local id, lane, now = ARGV[1], ARGV[2], ARGV[3]
if call('EXISTS', KEYS[1]) == 1 then return 0 end
if KEYS[4] and (call('EXISTS', KEYS[4]) == 0 or call('HEXISTS', KEYS[4], 'shredded') == 1) then return 0 end
if string.sub(lane, 1, 3) == 'we_' and call('EXISTS', '${keys.webhookEndpoint('')}' .. lane) == 0 then return 0 end
call('HSET', KEYS[1], 'status', 'pending', 'created', now, 'next', now, 'failures', 0, 'attempts', 0, 'lane', lane,
  unpack(ARGV, 10))
call('ZADD', KEYS[3], now, id)
trimLog(KEYS[3], ARGV[6], tonumber(ARGV[7]))
call('PEXPIRE', KEYS[3], ARGV[4])
if call('ZCARD', dueOf(lane)) >= tonumber(ARGV[8]) then
  call('HDEL', KEYS[1], 'next')
  call('HSET', KEYS[1], 'status', 'failed', 'abandoned', 'too_many_waiting')
  call('PEXPIRE', KEYS[1], ARGV[9])
  return 1
end
call('PEXPIRE', KEYS[1], ARGV[4])
call('SET', KEYS[2], ARGV[5], 'PX', ARGV[4])
call('ZADD', dueOf(lane), now, id)
call('ZADD', lanes, 'LT', now, lane)
return 1
`

/** ARGV now leaseUntil slots perLane lanesAtOnce. Returns lane, id, lane, id … */
const take = `
local now, slots = tonumber(ARGV[1]), tonumber(ARGV[3])
local taken = {}
for _, lane in ipairs(call('ZRANGEBYSCORE', lanes, '-inf', now, 'LIMIT', 0, ARGV[5])) do
  if slots <= 0 then break end
  local due, sending = dueOf(lane), sendingOf(lane)
  -- Whoever had these has died, and may or may not have sent them. They go first again.
  for _, id in ipairs(call('ZRANGEBYSCORE', sending, '-inf', now)) do
    call('ZREM', sending, id)
    call('ZADD', due, call('HGET', '${keys.webhookDelivery('')}' .. id, 'next') or now, id)
  end
  local most = call('SISMEMBER', failing, lane) == 1 and 1 or tonumber(ARGV[4])
  local room = most - call('ZCARD', sending)
  if tonumber(call('HGET', pauses, lane) or 0) <= now and room > 0 then
    for _, id in ipairs(call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, math.min(room, slots))) do
      call('ZREM', due, id)
      call('ZADD', sending, ARGV[2], id)
      taken[#taken + 1], taken[#taken + 2] = lane, id
      room, slots = room - 1, slots - 1
    end
  end
  lookAgain(lane, room <= 0)
end
return taken
`

/** ARGV leaseUntil lane id lane id … */
const renew = `
for index = 2, #ARGV, 2 do call('ZADD', sendingOf(ARGV[index]), 'XX', ARGV[1], ARGV[index + 1]) end
return 1
`

/**
 * KEYS delivery content endpoint outbox; ARGV id lane now action nextAt attempt keepLogMs keepContentMs pauseUntil isGone
 * disableAfterMs attemptsKept endpointId
 */
const finish = `
local id, lane, now, action = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local wasHeld = call('ZREM', sendingOf(lane), id) == 1
-- Another sender has it by now, and will say itself how it went; that it has arrived is true whoever says it.
if call('EXISTS', KEYS[1]) == 0 or (not wasHeld and action ~= 'done') then return lookAgain(lane) end
local number = call('HINCRBY', KEYS[1], 'attempts', 1)
call('HSET', KEYS[1], 'attempt:' .. number, ARGV[6])
call('HDEL', KEYS[1], 'attempt:' .. (number - tonumber(ARGV[12])))
if action == 'retry' then
  call('HINCRBY', KEYS[1], 'failures', 1)
  call('HSET', KEYS[1], 'next', ARGV[5])
  call('ZADD', dueOf(lane), ARGV[5], id)
else
  call('ZREM', dueOf(lane), id)
  call('HDEL', KEYS[1], 'next')
  call('HSET', KEYS[1], 'status', action == 'done' and 'delivered' or 'failed')
  endDelivery(id, ARGV[7], ARGV[8])
end
local endpoint = call('HGET', KEYS[3], 'status')
if action == 'done' then
  call('SREM', failing, lane)
  call('HDEL', pauses, lane)
  if endpoint then call('HDEL', KEYS[3], 'failing_since') end
else
  call('SADD', failing, lane)
  if ARGV[9] ~= '' then call('HSET', pauses, lane, ARGV[9]) end
  if endpoint == 'enabled' then
    call('HSETNX', KEYS[3], 'failing_since', now)
    local failedMs = tonumber(now) - tonumber(call('HGET', KEYS[3], 'failing_since'))
    local reason = ARGV[10] == '1' and 'gone' or (failedMs >= tonumber(ARGV[11]) and 'failing')
    if reason then
      call('HSET', KEYS[3], 'status', 'disabled', 'disabled_reason', reason, 'disabled', now)
      call('LPUSH', KEYS[4], ARGV[13] .. ' webhook_endpoint.disabled ' .. now)
    end
  end
end
return lookAgain(lane)
`

/** KEYS delivery content; ARGV id lane reason keepLogMs keepContentMs */
const abandon = `
local id, lane = ARGV[1], ARGV[2]
call('ZREM', sendingOf(lane), id)
call('ZREM', dueOf(lane), id)
if call('EXISTS', KEYS[1]) == 1 then
  call('HDEL', KEYS[1], 'next')
  call('HSET', KEYS[1], 'status', 'failed', 'abandoned', ARGV[3])
  endDelivery(id, ARGV[4], ARGV[5])
end
return lookAgain(lane)
`

/** KEYS delivery content; ARGV id lane now keepMs */
const resend = `
local id, lane, now = ARGV[1], ARGV[2], ARGV[3]
if call('EXISTS', KEYS[1]) == 0 then return 'not_found' end
if call('PEXPIRE', KEYS[2], ARGV[4]) == 0 then return 'payload_expired' end
-- It is being sent at this moment.
if call('ZSCORE', sendingOf(lane), id) then return 'queued' end
call('PEXPIRE', KEYS[1], ARGV[4])
call('HSET', KEYS[1], 'status', 'pending', 'next', now, 'failures', 0)
call('HDEL', KEYS[1], 'abandoned')
call('HDEL', pauses, lane)
call('ZADD', dueOf(lane), now, id)
lookAgain(lane)
return 'queued'
`

/** KEYS endpoint index; ARGV id now limit field value… */
const createEndpoint = `
if call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then return 0 end
call('HSET', KEYS[1], 'status', 'enabled', 'created', ARGV[2], unpack(ARGV, 4))
call('ZADD', KEYS[2], ARGV[2], ARGV[1])
return 1
`

/** KEYS endpoint; ARGV id now status field value… */
const updateEndpoint = `
if call('EXISTS', KEYS[1]) == 0 then return 0 end
if #ARGV > 3 then call('HSET', KEYS[1], unpack(ARGV, 4)) end
if ARGV[3] == 'enabled' then
  call('HSET', KEYS[1], 'status', 'enabled')
  call('HDEL', KEYS[1], 'disabled_reason', 'disabled', 'failing_since')
  call('HDEL', pauses, ARGV[1])
  call('SREM', failing, ARGV[1])
  lookAgain(ARGV[1])
elseif ARGV[3] == 'disabled' and call('HGET', KEYS[1], 'status') == 'enabled' then
  call('HSET', KEYS[1], 'status', 'disabled', 'disabled_reason', 'requested', 'disabled', ARGV[2])
end
return 1
`

/** KEYS endpoint; ARGV field before after: whoever read another value before has to read again. */
const replaceField = `
local value = call('HGET', KEYS[1], ARGV[1])
if not value then return 0 end
if value ~= ARGV[2] then return -1 end
call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
`

/** KEYS delivery content log; ARGV id lane */
const forget = `
local known = call('DEL', KEYS[1], KEYS[2])
call('ZREM', KEYS[3], ARGV[1])
call('ZREM', dueOf(ARGV[2]), ARGV[1])
lookAgain(ARGV[2])
return known > 0 and 1 or 0
`

/** KEYS endpoint index; ARGV id. From now on nothing is written down for it, and nothing is sent. */
const deleteEndpoint = `
call('DEL', KEYS[1])
call('ZREM', KEYS[2], ARGV[1])
return 1
`

/** Lua: destroys a delivery, also one that waits or is just being sent. False where there is none. */
const destroy = `
local function destroy(id, lanesSeen)
  local lane = call('HGET', deliveryOf(id), 'lane')
  call('UNLINK', deliveryOf(id), contentOf(id))
  if not lane then return false end
  call('ZREM', dueOf(lane), id)
  call('ZREM', sendingOf(lane), id)
  lanesSeen[lane] = true
  return true
end
`

/** KEYS log; ARGV until most. Returns how many entries went and how many of them were still deliveries. */
const forgetLog = `${destroy}
local ids, lanesSeen, known = call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2]), {}, 0
for _, id in ipairs(ids) do
  if destroy(id, lanesSeen) then known = known + 1 end
  call('ZREM', KEYS[1], id)
end
for lane in pairs(lanesSeen) do lookAgain(lane) end
return {#ids, known}
`

/** Lua: when the job or the batch was made that a delivery tells of, by its id; else when the delivery was. */
const madeAt = `
local function madeAt(id)
  local created, event = unpack(call('HMGET', deliveryOf(id), 'created', 'event'))
  local subject = string.match(event or '', '^evt_(%x+)_')
  if not created then return math.huge end
  if not subject or #subject ~= 32 then return tonumber(created) end
  -- In two halves: where Redis is WebAssembly the whole is too much for one.
  local high, low = tonumber(string.sub(subject, 1, 6), 16), tonumber(string.sub(subject, 7, 12), 16)
  return math.min(tonumber(created), high * 2 ^ 24 + low)
end
`

/**
 * KEYS log; ARGV until offset most: destroys what was written down later of what was made until then. Returns how many
 * were looked at and how many went.
 */
const forgetTold = `${destroy}${madeAt}
local untilMs, offset, most = unpack(ARGV)
local ids, lanesSeen, gone = call('ZRANGEBYSCORE', KEYS[1], '(' .. untilMs, '+inf', 'LIMIT', offset, most), {}, 0
for _, id in ipairs(ids) do
  if madeAt(id) <= tonumber(untilMs) then
    destroy(id, lanesSeen)
    call('ZREM', KEYS[1], id)
    gone = gone + 1
  end
end
for lane in pairs(lanesSeen) do lookAgain(lane) end
return {#ids, gone}
`

/**
 * ARGV lane tenant until offset most: destroys what waits in a lane of this tenant, beyond what its log has. Returns how
 * many were looked at and how many went.
 */
const forgetLane = `${destroy}${madeAt}
local lane, gone = ARGV[1], 0
local seen = 0
for _, row in ipairs({dueOf(lane), sendingOf(lane)}) do
  local ids = call('ZRANGE', row, ARGV[4], ARGV[4] + ARGV[5] - 1)
  seen = math.max(seen, #ids)
  for _, id in ipairs(ids) do
    if call('HGET', deliveryOf(id), 'tenant') == ARGV[2] and madeAt(id) <= tonumber(ARGV[3]) then
      destroy(id, {})
      gone = gone + 1
    end
  end
end
lookAgain(lane)
return {seen, gone}
`

export const webhookScripts = {
  add: prelude + keepListed + add,
  take: prelude + take,
  renew: prelude + renew,
  finish: prelude + keepListed + finish,
  abandon: prelude + keepListed + abandon,
  resend: prelude + resend,
  createEndpoint: `local call = redis.call${createEndpoint}`,
  updateEndpoint: prelude + updateEndpoint,
  replaceField: `local call = redis.call${replaceField}`,
  deleteEndpoint: `local call = redis.call${deleteEndpoint}`,
  forget: prelude + forget,
  forgetLog: prelude + keepListed + forgetLog,
  forgetTold: prelude + keepListed + forgetTold,
  forgetLane: prelude + keepListed + forgetLane,
} as const
