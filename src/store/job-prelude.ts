import type { JobId } from '../core/job.ts'
import { isTerminal, type Stage, stages, statusOf, type Transition, transitions } from '../core/job-state.ts'
import { keys } from './keys.ts'

/**
 * What the scripts that change a job have in common. The state machine of `core/job-state.ts` is compiled into all of
 * them, so an illegal transition cannot be written down here.
 *
 * Messages to watching API processes: `<job id> <first sequence>\n<entry>␞<entry>…`, and after the last entry of a job
 * `␟<result>`. JSON text never contains the two separators raw.
 */
export function oneOf(names: readonly Stage[], variable = 'stage'): string {
  return names.map((name) => `${variable} == '${name}'`).join(' or ')
}

export const endedStages = stages.filter((stage) => isTerminal(statusOf(stage)))

/**
 * Lua that moves a job along one transition; `stage` is false afterwards when its stage does not allow that. Written out
 * as comparisons: a table of the whole machine would be built anew at every call, and cost more than the rest.
 */
export function advance(name: Transition): string {
  const { from, to } = transitions[name]
  return `if ${oneOf(from)} then call('HSET', KEYS[1], 'stage', '${to}') else stage = false end`
}

/** A user who may only write these needs no right to read them: that is asked for every key among KEYS. */
const eventsPrefix = keys.events('' as JobId)
const resultPrefix = keys.result('' as JobId)

export const jobPrelude = `
local call = redis.call

-- The last argument is the field of that name, false where it is missing; without one the job is asked for it.
local function publish(job, id, first, entries, final, result, watchers)
  if watchers == nil then watchers = call('HGET', job, 'watchers') end
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

local function eventsOf(id) return '${eventsPrefix}' .. id end
local function resultOf(id) return '${resultPrefix}' .. id end

local function emit(job, id, entry, watchers)
  local sequence = call('RPUSH', eventsOf(id), entry)
  publish(job, id, sequence, {entry}, false, nil, watchers)
end
`

/**
 * Lua for an attempt that nobody can report on any more: its worker died, or the job ended under it. What it has used is
 * what it said with its last deltas. Before those it is the prompt, by the estimate that the job was admitted with, but
 * only of a call that was stopped: of one whose worker died nobody knows whether it was made at all, and the next
 * attempt would have to do with less, up to an answer cut short, for money that may never have been spent.
 */
export const lostAttempts = `
local function usedBy(plan, used, inputPrice, outcome)
  local prompt, output, cost = string.match(used or '', '^(%d+) (%d+) (%d+)$')
  if prompt then return tonumber(prompt), tonumber(output), tonumber(cost) end
  local estimate = plan.promptTokens or (plan.allowance and plan.allowance.promptTokens)
  if not estimate or outcome == 'worker_lost' then return nil end
  return estimate, 0, math.ceil(estimate * tonumber(inputPrice or 0) / 1000000)
end

-- Adds a row to the ledger and one to the attempts that a reader of the job sees.
local function recordLostAttempt(job, id, fence, outcome, now)
  local facts = call('HMGET', job, 'plan', 'candidate', 'claimed', 'used', 'input_price', 'attempts')
  if not facts[1] then return end
  local plan = cjson.decode(facts[1])
  local candidate = plan.candidates[tonumber(facts[2] or 0) + 1]
  if not candidate then return end
  local prompt, output, cost = usedBy(plan, facts[4], facts[5], outcome)
  local usage = cjson.null
  if prompt then usage = {prompt_tokens = prompt, completion_tokens = output, total_tokens = prompt + output} end
  local ms = math.max(0, tonumber(now) - tonumber(facts[3] or now))
  record('attempt', cjson.encode({kind = 'attempt', job = id, atMs = tonumber(now), attemptId = id .. '.' .. fence,
    deployment = candidate.deployment, pool = candidate.pool, outcome = outcome, status = cjson.null,
    ms = ms, firstTokenMs = cjson.null, usage = usage, isEstimated = true, cost = cost or 0}))
  local row = cjson.encode({deployment = candidate.deployment, outcome = outcome, status = cjson.null, ms = ms,
    cost = cost or 0})
  local before = facts[6] or '[]'
  -- As text: an empty table would come out of the encoder as an object.
  call('HSET', job, 'attempts', before == '[]' and '[' .. row .. ']' or string.sub(before, 1, -2) .. ',' .. row .. ']')
end
`
