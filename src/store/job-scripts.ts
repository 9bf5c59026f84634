import { stages, transitions } from '../core/job-state.ts'
import { attemptScripts, beginLua } from './attempt-scripts.ts'
import { claimLua, gatePrelude } from './gate-prelude.ts'
import { bindKeyLua } from './idempotency-keys.ts'
import { advance, endedStages, jobPrelude, oneOf } from './job-prelude.ts'

/** The Lua side of the job store: how jobs are accepted, decided upon and read. Each script is one atomic step. */

/** What `create` says of a dead letter that is gone. */
export const goneReply = '-'
/** What it says of a job whose first attempt has begun, and of one whose attempt is a probe. */
export const startedReply = '+'
export const probeReply = '?'

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

const startArg = 16
/** As many as `startArgs` makes. */
const startArgCount = 13
const startArgv = (offset: number) => `ARGV[${startArg + offset}]`

/** ARGV from `startArg` on: node now inputPrice claim keptUntil, then the gate's. */
const start = `
local reason, _, isProbe = claimGate(KEYS[1], id, ARGV[5], false, false, {gate = ${startArgv(5)},
  deployment = ${startArgv(6)}, rpm = ${startArgv(7)}, tpm = ${startArgv(8)}, parallel = ${startArgv(9)},
  counts = ${startArgv(10)}, tokens = ${startArgv(11)}, clock = ${startArgv(12)}})
if not reason then
  begin(KEYS[1], 1, nil, ${startArgv(0)}, ${startArgv(1)}, ${startArgv(2)}, ${startArgv(3)})
  call('ZADD', KEYS[6], ${startArgv(4)}, id)
  tellBegun(KEYS[1], id, ${startArgv(startArgCount + 7)}, ARGV[8])
  return isProbe and '${probeReply}' or '${startedReply}'
end`

/**
 * KEYS job private events tenantJobs open untaken claim body…: with a decision the job begins in its lane. The claim is
 * what makes it one job however often it is asked for: the key of the client's idempotency, or, for a replay, the job
 * hash of the dead letter. For a line of a batch it is the open lines: one that is not among them any more needs no job.
 *
 * Where it starts, its first attempt begins in the same step, unless the gate is shut. No queue entry stands for such a
 * job: until the next one does it stays in `untaken`, and whoever claimed it moves its time there on.
 */
const create = (starts: boolean) => {
  const decisionArg = starts ? startArg + startArgCount : startArg
  return `${bindKeyLua}
local id, now, deadline, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if ARGV[11] ~= '' then
  local holder = call('GET', KEYS[7])
  if holder then return holder end
  bindKey(KEYS[7], id .. ' ' .. ARGV[11], ARGV[12], now)
end
if ARGV[13] ~= '' then
  local state = call('HMGET', KEYS[7], 'stage', 'replayed_by', 'discarded')
  if not state[1] or state[3] then return '${goneReply}' end
  if state[2] then return state[2] end
  call('HSET', KEYS[7], 'replayed_by', id)
  record('action', ARGV[13])
end
if call('EXISTS', KEYS[1]) == 1 then return '' end
if ARGV[15] ~= '' and call('HEXISTS', KEYS[7], id) == 0 then return '${goneReply}' end
local stage = ARGV[${decisionArg}] and '${transitions.route.to}' or '${stages[0]}'
call('HSET', KEYS[1], 'stage', stage, 'priority', ARGV[5], 'sensitivity', ARGV[6], 'created', now,
  'deadline', deadline, 'hook', ARGV[7], 'watchers', ARGV[8])
call('HSET', KEYS[2], 'spec', ARGV[9], 'body', ARGV[10])
if ARGV[11] ~= '' then call('HSET', KEYS[2], 'claim', KEYS[7]) end
if ARGV[14] ~= '' then call('HSET', KEYS[2], 'request', ARGV[14]) end
call('RPUSH', KEYS[3], 'job.queued {}')
call('PEXPIRE', KEYS[2], ttl)
call('ZADD', KEYS[4], now, id)
call('ZADD', KEYS[5], deadline, id)
call('ZADD', KEYS[6], now, id)
if ARGV[${decisionArg}] then ${storeDecision(decisionArg, 8)}
end
${starts ? start : ''}
return ''
`
}

/** KEYS job private untaken */
const startAudit = `
local state = call('HMGET', KEYS[1], 'stage', 'lane', 'hop', 'plan', 'candidate')
local stage = state[1]
-- Claimed as it was stored, and whoever claimed it is gone. It stays untaken until a lane's entry stands for it.
local isLeft = (stage == 'running' or stage == 'retrying') and call('ZSCORE', KEYS[3], ARGV[1])
if not isLeft then call('ZREM', KEYS[3], ARGV[1]) end
${advance('audit')}
if stage then
  local audits = call('HINCRBY', KEYS[1], 'audits', 1)
  local content = call('HMGET', KEYS[2], 'spec', 'body')
  return {'go', audits, content[1], content[2]}
end
if state[1] == 'waiting' or isLeft then
  return {'routed', state[2], state[3], call('HGET', KEYS[2], 'spec'), state[4], state[5]}
end
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

/**
 * What a reader gets at once, whichever is reached first. Readers that are behind read again and again, and one answer
 * must be so small that those of many fit into the time that a command may take.
 */
const watchLimits = { events: 256, bytes: 128 * 1024 }
/** How many events are looked at together. */
const watchStep = 16

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
local entries, bytes, from, page = {}, 0, tonumber(ARGV[3]), nil
repeat
  page = call('LRANGE', KEYS[2], from, from + ${watchStep - 1})
  for _, entry in ipairs(page) do
    entries[#entries + 1] = entry
    bytes = bytes + #entry
  end
  from = from + #page
until #page < ${watchStep} or #entries >= ${watchLimits.events} or bytes >= ${watchLimits.bytes}
return {stage, #page < ${watchStep} and 0 or 1, unpack(entries)}
`

/** KEYS job: an answer is noted once, however often it is read. */
const noteAnswer = `
if call('EXISTS', KEYS[1]) == 1 and call('HSETNX', KEYS[1], 'reviewed', 1) == 1 then record('answer', ARGV[1]) end
return 1
`

const sources = {
  create: jobPrelude + create(false),
  createStarted: jobPrelude + gatePrelude + claimLua + beginLua + create(true),
  startAudit: jobPrelude + startAudit,
  route: jobPrelude + route,
  watch: jobPrelude + watch,
  noteAnswer: jobPrelude + noteAnswer,
  ...attemptScripts,
}

export type ScriptName = keyof typeof sources

/** Lua source by name. */
export const jobScripts: Readonly<Record<ScriptName, string>> = sources
