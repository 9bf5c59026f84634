import type { JobId } from '../core/job.ts'
import { type Ending, isTerminal, stages, statusOf, type Transition, transitions } from '../core/job-state.ts'
import { keys } from './keys.ts'

/**
 * The Lua side of the job store. Each script is one atomic step; the state machine of `core/job-state.ts` is compiled
 * into all of them, so an illegal transition cannot be written down here.
 *
 * Messages to watching API processes: `<job id> <first sequence>\n<entry>␞<entry>…`, and after the last entry of a job
 * `␟<result>`. JSON text never contains the two separators raw.
 */
const oneOf = (names: readonly string[]): string => names.map((name) => `stage == '${name}'`).join(' or ')
const endedStages = stages.filter((stage) => isTerminal(statusOf(stage)))

/**
 * Lua that moves a job along one transition; `stage` is false afterwards when its stage does not allow that. Written out
 * as comparisons: a table of the whole machine would be built anew at every call, and cost more than the rest.
 */
function advance(name: Transition): string {
  const { from, to } = transitions[name]
  return `if ${oneOf(from)} then call('HSET', KEYS[1], 'stage', '${to}') else stage = false end`
}

const prelude = `
local call = redis.call

local function publish(job, id, first, entries, final, result)
  local watchers = call('HGET', job, 'watchers')
  if not watchers or watchers == '' then return end
  local message = id .. ' ' .. first .. '\\n' .. table.concat(entries, '\\30')
  if final then message = message .. '\\31' .. (result or '') end
  for process, wants in string.gmatch(watchers, '([^ :]+):(%a+)') do
    if final or wants == 'all' then call('PUBLISH', 'sluice:api:' .. process, message) end
  end
end

-- For the recorder: what the ledger and the audit trail will say of this step.
local function record(kind, data)
  if data and data ~= '' then call('XADD', '${keys.records}', '*', 'k', kind, 'data', data) end
end

-- An attempt that nobody can report on any more: its worker died, or the job ended under it.
local function recordLostAttempt(job, id, fence, outcome, now)
  local facts = call('HMGET', job, 'plan', 'candidate', 'claimed')
  if not facts[1] then return end
  local candidate = cjson.decode(facts[1]).candidates[tonumber(facts[2] or 0) + 1]
  if not candidate then return end
  record('attempt', cjson.encode({kind = 'attempt', job = id, atMs = tonumber(now), attemptId = id .. '.' .. fence,
    deployment = candidate.deployment, pool = candidate.pool, outcome = outcome, status = cjson.null,
    ms = tonumber(now) - tonumber(facts[3] or now), firstTokenMs = cjson.null, usage = cjson.null, isEstimated = true,
    cost = 0}))
end

-- Not among the KEYS: of those Redis wants the right to read, and a cloud dispatcher may only write answers.
local function eventsOf(id) return '${keys.events('' as JobId)}' .. id end
local function resultOf(id) return '${keys.result('' as JobId)}' .. id end

local function emit(job, id, entry)
  local sequence = call('RPUSH', eventsOf(id), entry)
  publish(job, id, sequence, {entry}, false)
end
`

/**
 * Lua that stores an auditor's decision: its values from argument `firstArg` on, the pools' bodies in the keys from
 * `firstBody` on.
 */
function storeDecision(firstArg: number, firstBody: number): string {
  const arg = (offset: number) => `ARGV[${firstArg + offset}]`
  return `
call('HSET', KEYS[1], 'plan', ${arg(0)}, 'lane', ${arg(1)}, 'sensitivity', ${arg(2)}, 'reason', ${arg(3)},
  'masked', ${arg(4)}, 'candidate', 0, 'hop', 1, 'placeholders', ${arg(7)})
if ${arg(6)} ~= '' then call('HSET', KEYS[2], 'vault', ${arg(6)}) end
for index = ${firstBody}, #KEYS do call('SET', KEYS[index], ARGV[index + ${firstArg + 9 - firstBody}], 'PX', ${arg(5)}) end
record('decision', ${arg(8)})`
}

/** KEYS job private events tenantJobs open untaken idempotency body…: with a decision the job begins in its lane. */
const create = `
local id, now, deadline, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if ARGV[11] ~= '' then
  local holder = call('GET', KEYS[7])
  if holder then return holder end
  call('SET', KEYS[7], id .. ' ' .. ARGV[11], 'PX', ARGV[12])
end
if call('EXISTS', KEYS[1]) == 1 then return '' end
local stage = ARGV[13] and '${transitions.route.to}' or '${stages[0]}'
call('HSET', KEYS[1], 'stage', stage, 'priority', ARGV[5], 'sensitivity', ARGV[6], 'created', now,
  'deadline', deadline, 'hook', ARGV[7], 'watchers', ARGV[8])
call('HSET', KEYS[2], 'spec', ARGV[9], 'body', ARGV[10])
call('RPUSH', KEYS[3], 'job.queued {}')
call('PEXPIRE', KEYS[2], ttl)
call('ZADD', KEYS[4], now, id)
call('ZADD', KEYS[5], deadline, id)
call('ZADD', KEYS[6], now, id)
if ARGV[13] then ${storeDecision(13, 8)}
end
return ''
`

/** KEYS job private untaken */
const startAudit = `
call('ZREM', KEYS[3], ARGV[1])
local state = call('HMGET', KEYS[1], 'stage', 'lane', 'hop')
local stage = state[1]
${advance('audit')}
if stage then
  local audits = call('HINCRBY', KEYS[1], 'audits', 1)
  local content = call('HMGET', KEYS[2], 'spec', 'body')
  return {'go', audits, content[1], content[2]}
end
if state[1] == 'waiting' then return {'routed', state[2], state[3], call('HGET', KEYS[2], 'spec')} end
return {'ended'}
`

/** KEYS job private body… */
const route = `
local stage = call('HGET', KEYS[1], 'stage')
${advance('route')}
if not stage then return 0 end
${storeDecision(1, 3)}
return 1
`

/** KEYS job body untaken */
const startAttempt = `
local id, hop = ARGV[1], tonumber(ARGV[2])
if hop == 1 then call('ZREM', KEYS[3], id) end
local state = call('HMGET', KEYS[1], 'stage', 'hop', 'lane', 'ready', 'fence')
local stage = state[1]
if not stage or ${oneOf(endedStages)} then return {'ended'} end
if tonumber(state[2] or 0) > hop then return {'superseded', state[3], state[2], state[4] or '0'} end
local before = stage
${advance('start')}
if not stage then return {'ended'} end
if before == 'running' then recordLostAttempt(KEYS[1], id, state[5], 'worker_lost', ARGV[4]) end
local fence = call('HINCRBY', KEYS[1], 'fence', 1)
call('HSET', KEYS[1], 'node', ARGV[3], 'claimed', ARGV[4])
call('HSETNX', KEYS[1], 'started', ARGV[4])
if before ~= 'running' then
  local masked = call('HGET', KEYS[1], 'placeholders') == '1' and 'true' or 'false'
  emit(KEYS[1], id, 'job.in_progress {"masked":' .. masked .. '}')
end
local facts = call('HMGET', KEYS[1], 'plan', 'candidate', 'attempts', 'deadline', 'created', 'sensitivity', 'priority',
  'output')
return {'go', fence, call('GET', KEYS[2]) or '', unpack(facts, 1, 8)}
`

/** KEYS job */
const append = `
local state = call('HMGET', KEYS[1], 'stage', 'fence', 'append')
if state[1] ~= 'running' or state[2] ~= ARGV[2] then return 0 end
-- Redis has done this already, and the connection broke before it could say so.
if state[3] == ARGV[4] then return 1 end
call('HSET', KEYS[1], 'append', ARGV[4])
if ARGV[3] == '1' then call('HSET', KEYS[1], 'output', 1) end
local entries = {unpack(ARGV, 5)}
local last = call('RPUSH', eventsOf(ARGV[1]), unpack(entries))
publish(KEYS[1], ARGV[1], last - #entries + 1, entries, false)
return 1
`

/** KEYS job */
const retry = `
local state = call('HMGET', KEYS[1], 'stage', 'fence')
local stage = state[1]
if state[2] ~= ARGV[2] then return 0 end
-- Redis has done this already, and the connection broke before it could say so. The caller has yet to hand over.
if stage == 'retrying' then return 1 end
${advance('retry')}
if not stage then return 0 end
call('HSET', KEYS[1], 'lane', ARGV[3], 'candidate', ARGV[4], 'hop', ARGV[5], 'ready', ARGV[6], 'attempts', ARGV[7])
record('attempt', ARGV[9])
if ARGV[8] == '1' then
  call('HDEL', KEYS[1], 'output')
  emit(KEYS[1], ARGV[1], 'output.reset {}')
end
emit(KEYS[1], ARGV[1], 'job.retrying {}')
return 1
`

/**
 * KEYS job open untaken outbox
 *
 * The pools' bodies come as arguments: a user who may not touch another pool's keys must still be able to end the job,
 * and then that pool's body is left to its time to live.
 */
const end = (ending: Ending) => `
local id, fence = ARGV[1], ARGV[2]
local state = call('HMGET', KEYS[1], 'stage', 'fence', 'hook', 'node')
local stage, before = state[1], state[1]
if fence ~= '' and state[2] ~= fence then return 0 end
${advance(ending)}
if not stage then return 0 end
local entry, result = ARGV[5], ARGV[6]
record('${ending === 'reject' ? 'decision' : 'attempt'}', ARGV[8])
${
  ending === 'cancel' || ending === 'expire'
    ? `if before == 'running' and fence == '' then
  recordLostAttempt(KEYS[1], id, state[2], '${transitions[ending].to}', ARGV[10])
end`
    : ''
}
record('end', ARGV[9])
local bodies = tonumber(ARGV[7])
call('HSET', KEYS[1], 'finished', ARGV[10], unpack(ARGV, 11 + bodies))
if result ~= '' then call('SET', resultOf(id), result, 'PX', ARGV[3]) end
local sequence = call('RPUSH', eventsOf(id), entry)
call('PEXPIRE', eventsOf(id), ARGV[4])
call('PEXPIRE', KEYS[1], ARGV[3])
call('ZREM', KEYS[2], id)
if before == 'intake' then call('ZREM', KEYS[3], id) end
for index = 11, 10 + bodies do redis.pcall('DEL', ARGV[index]) end
if state[3] == '1' then call('LPUSH', KEYS[4], id .. ' job.${transitions[ending].to}') end
publish(KEYS[1], id, sequence, {entry}, true, result)
${
  ending === 'cancel' || ending === 'expire'
    ? "if before == 'running' then call('PUBLISH', 'sluice:node:' .. (state[4] or ''), id) end"
    : ''
}
return 1
`

/** KEYS job events */
const watch = `
local stage = call('HGET', KEYS[1], 'stage')
if not stage then return false end
if not (${oneOf(endedStages)}) then
  local watchers = call('HGET', KEYS[1], 'watchers') or ''
  local watcher = ARGV[1] .. ':' .. ARGV[2]
  if not string.find(' ' .. watchers .. ' ', ' ' .. watcher .. ' ', 1, true) then
    call('HSET', KEYS[1], 'watchers', watchers .. ' ' .. watcher)
  end
end
return {stage, unpack(call('LRANGE', KEYS[2], ARGV[3], -1))}
`

/** KEYS job: an answer is noted once, however often it is read. */
const noteAnswer = `
if call('EXISTS', KEYS[1]) == 1 and call('HSETNX', KEYS[1], 'reviewed', 1) == 1 then record('answer', ARGV[1]) end
return 1
`

const bodies = {
  create,
  startAudit,
  route,
  startAttempt,
  append,
  retry,
  complete: end('complete'),
  fail: end('fail'),
  cancel: end('cancel'),
  expire: end('expire'),
  reject: end('reject'),
  watch,
  noteAnswer,
}

export type ScriptName = keyof typeof bodies

/** Lua source by name. */
export const jobScripts: Readonly<Record<ScriptName, string>> = Object.fromEntries(
  Object.entries(bodies).map(([name, body]) => [name, prelude + body]),
) as Record<ScriptName, string>
