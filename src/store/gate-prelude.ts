import { priorities } from '../core/vocabulary.ts'
import { counterPrelude } from './counter-scripts.ts'
import { keys } from './keys.ts'

/**
 * The Lua of gates. It stands inside the scripts that start, move and end attempts, so that a place is taken and given
 * back in the same step as the job's own change, and nothing can leak.
 *
 * - `state` of a gate is a hash that only exists where something went wrong lately: `failures` (their times), `open`
 *   (until when the breaker is), `lasts` (for how long it was opened), `probe` (the job that tries), `away` (until when
 *   the upstream asked us to stay away).
 * - `running`: a set of jobs, kept where calls at once are limited or wanted. `reserved`: the jobs that were woken, with
 *   the tokens that are kept for each, and the sum of them. `requests`, `tokens`: rolling counters.
 * - A backlog belongs to a deployment: `backlog`, parked jobs by rank; `woken`, those that have a place and are on their
 *   way to a dispatcher, by time. `backlogs` names the deployments that have any, those included that are in no
 *   configuration any more.
 *
 * A job knows what it has: `held`, the gate; `booked`, its tokens and when; `parked`, the deployment in whose backlog it
 * is. Clocks of dispatchers differ, so the clock is Redis's own; what goes in and out are spans of time.
 */

/** Wider than any time in milliseconds, so that a priority outweighs every wait. */
export const rankStep = 1e14

/** How long a breaker that nobody calls any more is remembered. */
const stateKeptMs = 24 * 60 * 60 * 1000

/** Lua: rank of a priority. */
const ranks = `{${priorities.map((priority, rank) => `${priority} = ${rank}`).join(', ')}}`

/** Fields of a job that say what it has of gates, in the order in which scripts read them. */
export const placeFields = "'held', 'parked', 'booked'"

/**
 * Defines `gateTools(clock)`. The functions are only made where a gate has something to say: most steps need none.
 * `clock` is the text `<now or ''> <bucketMs> <count>`.
 */
export const gatePrelude = `
local function stateOf(gate) return '${keys.gate('state', '')}' .. gate end
local function backlogOf(deployment) return '${keys.backlog('')}' .. deployment end
local function wokenOf(deployment) return '${keys.woken('')}' .. deployment end

local function gateTools(clock)
  ${counterPrelude}
  local given, bucketMs, count = string.match(clock, '^(%d*) (%d+) (%d+)$')
  local now = tonumber(given)
  if not now then
    local time = call('TIME')
    now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  end
  local function runningOf(gate) return '${keys.gate('running', '')}' .. gate end
  local function reservedOf(gate) return '${keys.gate('reserved', '')}' .. gate end
  local function rolling(counter) return {bucketMs = tonumber(bucketMs), count = tonumber(count), endsAt = 0, counter = counter} end
  local function requestsOf(gate) return rolling('${keys.gate('requests', '')}' .. gate) end
  local function tokensOf(gate) return rolling('${keys.gate('tokens', '')}' .. gate) end

  local function add(place, amount, at)
    read(place, now)
    book(place, whole(amount), at)
    call('PEXPIRE', place.counter, 2 * (place.count + 1) * place.bucketMs)
  end

  local function keepState(gate, untilMs)
    call('PEXPIRE', stateOf(gate), whole(math.max(untilMs - now, 0) + ${stateKeptMs}))
  end

  local function reserve(gate, id, tokens)
    call('HSET', reservedOf(gate), id, whole(tokens))
    call('HINCRBY', reservedOf(gate), 'tokens', whole(tokens))
  end

  local function unreserve(gate, id)
    local tokens = call('HGET', reservedOf(gate), id)
    if not tokens then return end
    call('HDEL', reservedOf(gate), id)
    if call('HLEN', reservedOf(gate)) == 1 then call('DEL', reservedOf(gate))
    else call('HINCRBY', reservedOf(gate), 'tokens', whole(0 - tonumber(tokens))) end
  end

  -- Gives back what a job has of a gate; its requests and tokens stay counted.
  local function leave(gate, id)
    call('SREM', runningOf(gate), id)
    unreserve(gate, id)
    if call('HGET', stateOf(gate), 'probe') == id then call('HDEL', stateOf(gate), 'probe') end
  end

  local function unpark(deployment, id)
    call('ZREM', backlogOf(deployment), id)
    call('ZREM', wokenOf(deployment), id)
    if call('EXISTS', backlogOf(deployment), wokenOf(deployment)) == 0 then call('SREM', '${keys.backlogs}', deployment) end
  end

  -- Of two reasons the one that lasts longer; one whose end depends on others outlasts all.
  local function longer(reason, opensAt, other, otherOpensAt)
    if not other then return reason, opensAt end
    if not reason then return other, otherOpensAt end
    if not opensAt then return reason, nil end
    if not otherOpensAt or otherOpensAt > opensAt then return other, otherOpensAt end
    return reason, opensAt
  end

  -- Why no call passes (nil: it does), until when (nil: that depends on others), and whether one that does is a probe.
  local function breakerOf(gate, id)
    local state = call('HMGET', stateOf(gate), 'open', 'probe', 'away')
    local open, away = tonumber(state[1] or nil), tonumber(state[3] or nil)
    local reason, opensAt
    if open and open > now then reason, opensAt = 'breaker', open
    elseif open and state[2] and state[2] ~= id then reason, opensAt = 'breaker', nil end
    if away and away > now then reason, opensAt = longer(reason, opensAt, 'retry_after', away) end
    return reason, opensAt, open ~= nil
  end

  -- A call that needs more than a whole minute has goes when it has the minute for itself.
  local function wanted(limits, tokens)
    return limits.tpm and math.min(tokens, limits.tpm) or 0
  end

  -- The same for the limits. More than one call may be asked for by asking again after each was reserved.
  local function limitsOf(gate, limits, tokens, id)
    local reason, opensAt
    if limits.parallel and call('SCARD', runningOf(gate)) >= limits.parallel
      and call('SISMEMBER', runningOf(gate), id) == 0 then reason = 'parallel' end
    if not limits.rpm and not limits.tpm then return reason, opensAt end
    local reserved = math.max(0, call('HLEN', reservedOf(gate)) - 1)
    if limits.rpm then
      local place = requestsOf(gate)
      local surplus = read(place, now) + reserved + 1 - limits.rpm
      if surplus > 0 then reason, opensAt = longer(reason, opensAt, 'requests', freeAt(place, now, surplus)) end
    end
    if limits.tpm then
      local place = tokensOf(gate)
      local kept = tonumber(call('HGET', reservedOf(gate), 'tokens') or 0)
      local surplus = read(place, now) + kept + math.max(1, wanted(limits, tokens)) - limits.tpm
      if surplus > 0 then reason, opensAt = longer(reason, opensAt, 'tokens', freeAt(place, now, surplus)) end
    end
    return reason, opensAt
  end

  local function limitsFrom(rpm, tpm, parallel)
    return {rpm = tonumber(rpm), tpm = tonumber(tpm), parallel = tonumber(parallel)}
  end

  return {now = now, add = add, keepState = keepState, reserve = reserve, unreserve = unreserve, leave = leave,
    unpark = unpark, breakerOf = breakerOf, limitsOf = limitsOf, limitsFrom = limitsFrom, wanted = wanted, read = read,
    bucketAt = bucketAt, whole = whole, runningOf = runningOf, reservedOf = reservedOf, requestsOf = requestsOf,
    tokensOf = tokensOf}
end

-- Takes a job out of every gate and backlog.
local function leaveAll(job, id, held, parked, clock)
  if not held and not parked then return end
  local tools = gateTools(clock)
  if held then tools.leave(held, id) end
  if parked then tools.unpark(parked, id) end
  call('HDEL', job, 'held', 'parked', 'booked', 'want')
end

-- Tokens in and out that a call is expected to need.
local function tokensOfPlan(job, atLeast)
  local plan = cjson.decode(call('HGET', job, 'plan') or '{}')
  local allowance = plan.allowance or {}
  local output = type(allowance.outputTokens) == 'number' and allowance.outputTokens * (allowance.choices or 1) or 0
  return math.max(atLeast, (plan.promptTokens or allowance.promptTokens or 0) + output)
end
`

/**
 * Defines `claimGate`, which lets a job through the gate of its deployment or says why not. Nothing is changed then.
 * `claim` has the fields of a `GateClaim`; empty texts stand for null.
 */
export const claimLua = `
local function claimGate(job, id, priority, held, parked, claim)
  local isWoken = parked and held == claim.gate
  local isFree = claim.rpm == '' and claim.tpm == '' and claim.parallel == '' and claim.counts == ''
  if isFree and not held and not parked
    and call('EXISTS', stateOf(claim.gate), backlogOf(claim.deployment)) == 0 then return nil end
  local tools = gateTools(claim.clock)
  local limits = tools.limitsFrom(claim.rpm, claim.tpm, claim.parallel)
  local tokens = tonumber(claim.tokens)
  if limits.tpm then tokens = tokensOfPlan(job, tokens) end
  local reason, opensAt, isProbe = tools.breakerOf(claim.gate, id)
  if not reason and not parked then
    local first = call('ZRANGE', backlogOf(claim.deployment), 0, 0, 'WITHSCORES')
    local ranks = ${ranks}
    if first[2] and tonumber(first[2]) < ((ranks[priority] or 0) + 1) * ${rankStep} then reason = 'parked' end
  end
  if not reason and not isWoken then reason, opensAt = tools.limitsOf(claim.gate, limits, tokens, id) end
  if reason then return reason, opensAt and math.max(0, opensAt - tools.now) or -1 end

  if held then
    tools.unreserve(held, id)
    if held ~= claim.gate then tools.leave(held, id) end
  end
  if parked then tools.unpark(parked, id) end
  if held or parked then call('HDEL', job, 'held', 'parked', 'booked', 'want') end
  if limits.rpm then tools.add(tools.requestsOf(claim.gate), 1, tools.now) end
  if limits.tpm then
    local booked = tools.wanted(limits, tokens)
    tools.add(tools.tokensOf(claim.gate), booked, tools.now)
    call('HSET', job, 'booked', tools.whole(booked) .. ' ' .. tools.whole(tools.now))
  end
  if limits.parallel or claim.counts ~= '' then call('SADD', tools.runningOf(claim.gate), id) end
  if isProbe then call('HSET', stateOf(claim.gate), 'probe', id) end
  if limits.tpm or limits.parallel or claim.counts ~= '' or isProbe then call('HSET', job, 'held', claim.gate) end
  return nil, nil, isProbe
end
`

/**
 * Defines `reportGate`, which tells a gate how an attempt went. An outcome that counts changes the breaker only where
 * it is the probe's, or where the breaker was closed: calls that began before it opened are no news.
 */
export const reportLua = `
local function reportGate(id, booked, outcome)
  local state = stateOf(outcome.gate)
  if outcome.kind == 'success' and outcome.away == '' and not booked and call('EXISTS', state) == 0 then return end
  local tools = gateTools(outcome.clock)
  local now = tools.now
  local facts = call('HMGET', state, 'open', 'probe', 'lasts', 'failures', 'away')
  local open, isProbe, away = tonumber(facts[1] or nil), facts[2] == id, tonumber(facts[5] or 0)
  if outcome.away ~= '' then
    away = math.max(away, now + tonumber(outcome.away))
    call('HSET', state, 'away', tools.whole(away))
    tools.keepState(outcome.gate, away)
  end
  local function openFor(lasts)
    local opensAt = now + math.ceil(lasts * (0.75 + 0.25 * tonumber(outcome.random)))
    call('HDEL', state, 'failures')
    call('HSET', state, 'open', tools.whole(opensAt), 'lasts', tools.whole(lasts))
    tools.keepState(outcome.gate, math.max(opensAt, away))
  end
  if outcome.kind == 'success' and (isProbe or not open) then
    call('HDEL', state, 'open', 'probe', 'lasts', 'failures')
    if away <= now then call('HDEL', state, 'away') end
  elseif outcome.kind == 'failure' or outcome.kind == 'broken' then
    if open and isProbe then
      openFor(math.min(2 * tonumber(facts[3] or outcome.openMs), tonumber(outcome.maxOpenMs)))
    elseif not open then
      local times = {}
      for time in string.gmatch(facts[4] or '', '%d+') do
        if tonumber(time) > now - tonumber(outcome.windowMs) then times[#times + 1] = time end
      end
      times[#times + 1] = tools.whole(now)
      if outcome.kind == 'broken' or #times >= tonumber(outcome.failures) then
        openFor(math.min(tonumber(outcome.openMs), tonumber(outcome.maxOpenMs)))
      else
        call('HSET', state, 'failures', table.concat(times, ' '))
        tools.keepState(outcome.gate, away)
      end
    end
  end
  -- What a call used comes out of what was booked for it, while its second is still in the minute.
  local tokens, at = string.match(booked or '', '^(%d+) (%d+)$')
  if not tokens or outcome.tokens == '' then return end
  local place, more = tools.tokensOf(outcome.gate), tonumber(outcome.tokens) - tonumber(tokens)
  tools.read(place, now)
  if more > 0 then tools.add(place, more, now)
  elseif more < 0 and call('HEXISTS', place.counter, tools.whole(tools.bucketAt(place, tonumber(at)))) == 1 then
    tools.add(place, more, tonumber(at))
  end
end
`

/** Lua: the outcome that stands in the arguments from `first` on, as `outcomeArgs` writes them; nil without one. */
export function outcomeFrom(first: number): string {
  const arg = (offset: number) => `ARGV[${first + offset}]`
  return `${arg(0)} ~= '' and {gate = ${arg(0)}, kind = ${arg(1)}, failures = ${arg(2)}, windowMs = ${arg(3)},
  openMs = ${arg(4)}, maxOpenMs = ${arg(5)}, away = ${arg(6)}, tokens = ${arg(7)}, random = ${arg(8)}, clock = ${arg(9)}}`
}

export const outcomeArgCount = 10
