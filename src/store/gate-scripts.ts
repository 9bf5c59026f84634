import type { JobId } from '../core/job.ts'
import { transitions } from '../core/job-state.ts'
import { takeAway } from './attempt-scripts.ts'
import { gatePrelude, rankStep } from './gate-prelude.ts'
import { jobPrelude, lostAttempts, oneOf } from './job-prelude.ts'
import { keys } from './keys.ts'

/** The Lua side of `Gates`: looking, parking, waking. What starts and ends attempts is in `attempt-scripts.ts`. */

/** ARGV clock, then for each gate: gate deployment rpm tpm parallel windowMs. Six values a gate come back. */
const peek = `
local tools, views = gateTools(ARGV[1]), {}
for index = 2, #ARGV, 6 do
  local gate, deployment = ARGV[index], ARGV[index + 1]
  local state = call('HMGET', stateOf(gate), 'open', 'failures')
  local open, failures = tonumber(state[1] or nil), 0
  for time in string.gmatch(state[2] or '', '%d+') do
    if tonumber(time) > tools.now - tonumber(ARGV[index + 5]) then failures = failures + 1 end
  end
  local reason, opensAt = tools.breakerOf(gate, '')
  if not reason then
    local limits = tools.limitsFrom(ARGV[index + 2], ARGV[index + 3], ARGV[index + 4])
    reason, opensAt = tools.limitsOf(gate, limits, 0, '')
  end
  local parked = call('ZCARD', backlogOf(deployment))
  if not reason and parked > 0 then reason = 'parked' end
  for _, value in ipairs({open and (open > tools.now and 'open' or 'half_open') or 'closed', reason or '',
    opensAt and math.max(0, opensAt - tools.now) or -1, call('SCARD', tools.runningOf(gate)), parked, failures}) do
    views[#views + 1] = value
  end
end
return views
`

/** KEYS job · ARGV id fromHop candidate deployment lane rank tokens now clock */
const park = `${takeAway}
local facts = call('HMGET', KEYS[1], 'stage', 'hop', 'fence', 'created', 'held', 'parked')
local stage, hop = facts[1], tonumber(facts[2] or 0)
if not stage or not (${oneOf(transitions.start.from)}) then return 0 end
if hop == tonumber(ARGV[2]) + 1 and facts[6] == ARGV[4] then return 1 end
if hop ~= tonumber(ARGV[2]) then return 0 end
takeAway(KEYS[1], ARGV[1], {stage = stage, fence = facts[3], held = facts[5], parked = facts[6]}, ARGV[8], ARGV[9])
call('HSET', KEYS[1], 'lane', ARGV[5], 'candidate', ARGV[3], 'hop', hop + 1, 'ready', 0, 'parked', ARGV[4],
  'want', string.format('%.0f', tokensOfPlan(KEYS[1], tonumber(ARGV[7]))))
call('SADD', '${keys.backlogs}', ARGV[4])
call('ZADD', backlogOf(ARGV[4]), string.format('%.0f', tonumber(ARGV[6]) * ${rankStep} + tonumber(facts[4])), ARGV[1])
return 1
`

const jobOf = `local function jobOf(id) return '${keys.job('' as JobId)}' .. id end\n`

/**
 * ARGV gate deployment rpm tpm parallel counts limit clock. How many are still parked and when to wake again (-1: when a
 * call ends), then id, hop and lane of each that was woken.
 */
const wake = `${jobOf}
local gate, deployment, backlog = ARGV[1], ARGV[2], backlogOf(ARGV[2])
if call('EXISTS', backlog) == 0 then return {0, -1} end
local tools, woken = gateTools(ARGV[8]), {0, -1}
local limits = tools.limitsFrom(ARGV[3], ARGV[4], ARGV[5])
local reason, opensAt, isProbe
for _, id in ipairs(call('ZRANGE', backlog, 0, tonumber(ARGV[7]) - 1)) do
  local facts = call('HMGET', jobOf(id), 'lane', 'hop', 'parked', 'want')
  if facts[3] ~= deployment then
    call('ZREM', backlog, id)
  else
    local tokens = tonumber(facts[4] or 0)
    reason, opensAt, isProbe = tools.breakerOf(gate, id)
    if not reason then reason, opensAt = tools.limitsOf(gate, limits, tokens, id) end
    if reason then break end
    call('ZREM', backlog, id)
    call('ZADD', wokenOf(deployment), tools.whole(tools.now), id)
    call('HSET', jobOf(id), 'held', gate)
    if limits.rpm or limits.tpm then tools.reserve(gate, id, tools.wanted(limits, tokens)) end
    if limits.parallel or ARGV[6] ~= '' then call('SADD', tools.runningOf(gate), id) end
    if isProbe then call('HSET', stateOf(gate), 'probe', id) end
    woken[#woken + 1] = id
    woken[#woken + 1] = facts[2]
    woken[#woken + 1] = facts[1]
  end
end
woken[1] = call('ZCARD', backlog)
if woken[1] > 0 and not reason then woken[2] = 0
elseif woken[1] > 0 and opensAt then woken[2] = math.max(0, opensAt - tools.now) end
return woken
`

/** ARGV ageMs limit clock deployment… Deployment, id, hop and lane of each. */
const stranded = `${jobOf}
local tools, found, left = gateTools(ARGV[3]), {}, tonumber(ARGV[2])
for index = 4, #ARGV do
  local woken = wokenOf(ARGV[index])
  local ids = left > 0 and call('ZRANGEBYSCORE', woken, 0, tools.whole(tools.now - tonumber(ARGV[1])), 'LIMIT', 0, left)
  for _, id in ipairs(ids or {}) do
    local facts = call('HMGET', jobOf(id), 'lane', 'hop', 'parked')
    if facts[3] ~= ARGV[index] then
      call('ZREM', woken, id)
    else
      call('ZADD', woken, 'XX', tools.whole(tools.now), id)
      left = left - 1
      for _, value in ipairs({ARGV[index], id, facts[2], facts[1]}) do found[#found + 1] = value end
    end
  end
end
return found
`

export const gateScripts = {
  peek: `local call = redis.call\n${gatePrelude}${peek}`,
  park: jobPrelude + lostAttempts + gatePrelude + park,
  wake: `local call = redis.call\n${gatePrelude}${wake}`,
  stranded: `local call = redis.call\n${gatePrelude}${stranded}`,
}
