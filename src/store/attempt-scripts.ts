import { type Ending, transitions } from '../core/job-state.ts'
import { claimLua, gatePrelude, outcomeArgCount, outcomeFrom, placeFields, reportLua } from './gate-prelude.ts'
import { advance, endedStages, jobPrelude, lostAttempts, oneOf } from './job-prelude.ts'
import { keys } from './keys.ts'

/**
 * The Lua side of attempts: how they start, write, and end. Each script is one atomic step, which takes or gives back
 * the attempt's place in the gate of its deployment as well.
 */

/** Lua: an attempt begins. Readers are told by `tellBegun`. */
export const beginLua = `
local function begin(job, fence, started, node, now, inputPrice, claim)
  call('HSET', job, 'stage', '${transitions.start.to}', 'fence', fence, 'node', node, 'claimed', now,
    'started', started or now, 'input_price', inputPrice, 'used', '', 'claim', claim)
end

local function tellBegun(job, id, placeholders, watchers)
  emit(job, id, 'job.in_progress {"masked":' .. (placeholders == '1' and 'true' or 'false') .. '}', watchers)
end
`

/**
 * KEYS job body untaken · ARGV id hop node now inputPrice shut claim, then the gate's: gate deployment rpm tpm parallel
 * counts tokens clock.
 */
const startAttempt = `
local id, hop = ARGV[1], tonumber(ARGV[2])
call('ZREM', KEYS[3], id)
local stage, atHop, lane, ready, fence, held, parked, claim, started, placeholders, plan, candidate, attempts, deadline,
  created, sensitivity, priority, output, watchers = unpack(call('HMGET', KEYS[1], 'stage', 'hop', 'lane', 'ready', 'fence',
  'held', 'parked', 'claim', 'started', 'placeholders', 'plan', 'candidate', 'attempts', 'deadline', 'created',
  'sensitivity', 'priority', 'output', 'watchers'))
if not stage or ${oneOf(endedStages)} then return {'ended'} end
-- It waits behind a gate, and whoever wakes it hands it over.
if parked and call('ZSCORE', backlogOf(parked), id) then return {'ended'} end
if tonumber(atHop or 0) > hop then return {'superseded', lane, atHop, ready or '0', plan, candidate} end
if not (${oneOf(transitions.start.from)}) then return {'ended'} end
local function go(isProbe)
  return {'go', fence, isProbe and 1 or 0, call('GET', KEYS[2]) or '', plan, candidate, attempts, deadline, created,
    sensitivity, priority, output}
end
-- Redis has done this already, and the connection broke before it could say so.
if stage == 'running' and claim == ARGV[7] then
  fence = tonumber(fence)
  return go(held and call('HGET', stateOf(held), 'probe') == id)
end
local reason, waitMs, isProbe
if ARGV[6] ~= '' then
  reason, waitMs = 'not_ready', -1
elseif ARGV[8] ~= '' then
  reason, waitMs, isProbe = claimGate(KEYS[1], id, priority, held, parked, {gate = ARGV[8], deployment = ARGV[9],
    rpm = ARGV[10], tpm = ARGV[11], parallel = ARGV[12], counts = ARGV[13], tokens = ARGV[14], clock = ARGV[15]})
end
if reason then
  return {'closed', reason, waitMs, plan, candidate, attempts, deadline, sensitivity, priority}
end
if ARGV[8] == '' then leaveAll(KEYS[1], id, held, parked, ' 1 1') end
if stage == 'running' then
  recordLostAttempt(KEYS[1], id, fence, 'worker_lost', ARGV[4])
  attempts = call('HGET', KEYS[1], 'attempts')
end
fence = tonumber(fence or 0) + 1
begin(KEYS[1], fence, started, ARGV[3], ARGV[4], ARGV[5], ARGV[7])
if stage ~= 'running' then tellBegun(KEYS[1], id, placeholders, watchers) end
return go(isProbe)
`

/** KEYS job · ARGV id fence isFirstOutput number used entry… */
const append = `
local state = call('HMGET', KEYS[1], 'stage', 'fence', 'append', 'watchers')
if state[1] ~= 'running' or state[2] ~= ARGV[2] then return 0 end
-- Redis has done this already, and the connection broke before it could say so. What came another way may even come
-- after the next one: every number up to the last is done.
local fence, number = string.match(state[3] or '', '^(%d+)%.(%d+)$')
if fence == ARGV[2] and tonumber(number) >= tonumber(string.match(ARGV[4], '%d+$')) then return 1 end
if ARGV[5] == '' then call('HSET', KEYS[1], 'append', ARGV[4])
else call('HSET', KEYS[1], 'append', ARGV[4], 'used', ARGV[5]) end
if ARGV[3] == '1' then call('HSET', KEYS[1], 'output', 1) end
local entries = {unpack(ARGV, 6)}
local length = call('RPUSH', eventsOf(ARGV[1]), unpack(entries))
publish(KEYS[1], ARGV[1], length - #entries + 1, entries, false, nil, state[4])
return 1
`

/** KEYS job · ARGV id fence lane candidate hop ready attempts resetsOutput record, then the outcome for the gate. */
const retry = `
local state = call('HMGET', KEYS[1], 'stage', 'fence', 'hop', ${placeFields}, 'lane', 'candidate')
local stage = state[1]
if state[2] ~= ARGV[2] then return 0 end
-- Redis has done this already, and the connection broke before it could say so: the caller has yet to hand over. Or the
-- job was taken away from its worker.
if stage == 'retrying' then
  return state[3] == ARGV[5] and state[7] == ARGV[3] and state[8] == ARGV[4] and 1 or 0
end
${advance('retry')}
if not stage then return 0 end
local outcome = ${outcomeFrom(10)}
if outcome then reportGate(ARGV[1], state[6], outcome) end
leaveAll(KEYS[1], ARGV[1], state[4], state[5], ARGV[${10 + outcomeArgCount - 1}])
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
 * Lua that takes a job away from where it waits, or from a worker that is lost: it must be on the hop \`hop\`, and is then
 * in nobody's hands. The fence stays: a late worker's writes need the stage \`running\`, and the next claim raises it.
 */
export const takeAway = `
local function takeAway(job, id, state, now, clock)
  if state.stage == 'running' then
    recordLostAttempt(job, id, state.fence, 'worker_lost', now)
    call('HSET', job, 'stage', '${transitions.retry.to}')
    emit(job, id, 'job.retrying {}')
  end
  leaveAll(job, id, state.held, state.parked, clock)
end
`

/** KEYS job · ARGV id fromHop candidate lane ready now lostBefore clock */
const moveOn = `${takeAway}
local facts = call('HMGET', KEYS[1], 'stage', 'hop', 'fence', 'candidate', 'lane', 'claimed', ${placeFields})
local stage, hop = facts[1], tonumber(facts[2] or 0)
-- Redis has done this already, and the connection broke before it could say so. The caller has yet to hand over.
if (${oneOf(['waiting', 'retrying'])}) and hop == tonumber(ARGV[2]) + 1 and facts[4] == ARGV[3] and facts[5] == ARGV[4]
  and not (facts[8] and call('ZSCORE', backlogOf(facts[8]), ARGV[1])) then return 1 end
if hop ~= tonumber(ARGV[2]) or not (${oneOf(transitions.start.from)}) then return 0 end
if stage == 'running' and ARGV[7] ~= '' and tonumber(facts[6] or 0) > tonumber(ARGV[7]) then return 0 end
takeAway(KEYS[1], ARGV[1], {stage = stage, fence = facts[3], held = facts[7], parked = facts[8]}, ARGV[6], ARGV[8])
call('HSET', KEYS[1], 'lane', ARGV[4], 'candidate', ARGV[3], 'hop', hop + 1, 'ready', ARGV[5])
-- A parked job has no entry that would come again if its mover dies now: it is looked after like one that was woken.
if facts[8] then
  local plan = cjson.decode(call('HGET', KEYS[1], 'plan'))
  local deployment = plan.candidates[tonumber(ARGV[3]) + 1].deployment
  call('HSET', KEYS[1], 'parked', deployment)
  call('SADD', '${keys.backlogs}', deployment)
  call('ZADD', wokenOf(deployment), ARGV[6], ARGV[1])
end
return 1
`

/** First argument of the outcome, and of what follows it: the bodies, then fields of the job. */
const outcomeArg = 11
const restArg = outcomeArg + outcomeArgCount

/** Lua: a job that ended under its worker has its last attempt booked, and says what all of them cost. */
const settleLost = (ending: 'cancel' | 'expire') => `
if fence == '' then
  if before == 'running' then
    recordLostAttempt(KEYS[1], id, state[2], '${transitions[ending].to}', ARGV[10])
    call('PUBLISH', 'sluice:node:' .. (state[4] or ''), id)
  end
  local attempts, cost = call('HGET', KEYS[1], 'attempts'), 0
  for _, attempt in ipairs(attempts and cjson.decode(attempts) or {}) do cost = cost + (attempt.cost or 0) end
  if cost > 0 then call('HSET', KEYS[1], 'cost', string.format('%.0f', cost)) end
end`

/**
 * KEYS job open untaken outbox
 *
 * The pools' bodies come as arguments: a user who may not touch another pool's keys must still be able to end the job,
 * and then that pool's body is left to its time to live. A fence is that of an attempt, and only an attempt that runs
 * may end its job by it.
 */
/** What readers of a job get that is answered without a call: that it began, and the pieces of the answer. */
const tellRecalled = `
call('HSETNX', KEYS[1], 'started', ARGV[10])
tellBegun(KEYS[1], id, call('HGET', KEYS[1], 'placeholders'))
local pieces = {}
for piece in string.gmatch(ARGV[${restArg}], '[^\\30]+') do pieces[#pieces + 1] = piece end
if #pieces > 0 then
  local last = call('RPUSH', eventsOf(id), unpack(pieces))
  publish(KEYS[1], id, last - #pieces + 1, pieces, false)
end`

const end = (ending: Ending) => {
  // Before the pools stands what a recalled answer says in pieces.
  const firstBody = ending === 'recall' ? restArg + 1 : restArg
  return `
local id, fence = ARGV[1], ARGV[2]
local state = call('HMGET', KEYS[1], 'stage', 'fence', 'hook', 'node', ${placeFields}, 'watchers')
local stage, before = state[1], state[1]
if fence ~= '' and (state[2] ~= fence or stage ~= 'running') then return 0 end
if not (${oneOf(transitions[ending].from)}) then return 0 end
local entry, result = ARGV[5], ARGV[6]
record('${ending === 'reject' ? 'decision' : 'attempt'}', ARGV[8])
local bodies = tonumber(ARGV[7])
call('HSET', KEYS[1], 'stage', '${transitions[ending].to}', 'finished', ARGV[10], unpack(ARGV, ${firstBody} + bodies))
${ending === 'cancel' || ending === 'expire' ? settleLost(ending) : ''}
record('end', ARGV[9])
local outcome = ${outcomeFrom(outcomeArg)}
if outcome then reportGate(id, state[7], outcome) end
leaveAll(KEYS[1], id, state[5], state[6], ARGV[${restArg - 1}])
if result ~= '' then call('SET', resultOf(id), result, 'PX', ARGV[3]) end
${ending === 'recall' ? tellRecalled : ''}
local sequence = call('RPUSH', eventsOf(id), entry)
call('PEXPIRE', eventsOf(id), ARGV[4])
call('PEXPIRE', KEYS[1], ARGV[3])
call('ZREM', KEYS[2], id)
call('ZREM', KEYS[3], id)
for index = ${firstBody}, ${firstBody - 1} + bodies do redis.pcall('DEL', ARGV[index]) end
if state[3] == '1' then call('LPUSH', KEYS[4], id .. ' job.${transitions[ending].to}') end
publish(KEYS[1], id, sequence, {entry}, true, result, state[8])
return 1
`
}

const withGates = (body: string) => jobPrelude + lostAttempts + gatePrelude + body

export const attemptScripts = {
  startAttempt: withGates(claimLua + beginLua + startAttempt),
  append: jobPrelude + append,
  retry: withGates(reportLua + retry),
  moveOn: withGates(moveOn),
  complete: withGates(reportLua + end('complete')),
  fail: withGates(reportLua + end('fail')),
  cancel: withGates(reportLua + end('cancel')),
  expire: withGates(reportLua + end('expire')),
  recall: withGates(reportLua + beginLua + end('recall')),
  reject: withGates(reportLua + end('reject')),
}
