import { counterPrelude } from './counter-scripts.ts'

/**
 * The Lua side of the accounts. A hold is a hash: `left`, how much is still held; `in:<budget>`, the place where it is
 * reserved; `attempt:<id>` for every attempt that was booked. The first two go when the rest is given back; the last
 * stay for a while, so that a record that is delivered again is booked once.
 */

/** A window's counter can be looked at, and settled late, for so long after it ended; longer while a lease is extended. */
export const counterKeptMs = 3 * 24 * 60 * 60 * 1000
/** A recorder that died after booking an attempt has its successor within this time, or that attempt is booked twice. */
const attemptKeptMs = 7 * 24 * 60 * 60 * 1000

const prelude = `${counterPrelude}
local function keep(place, now)
  local rolls = place.bucketMs > 0
  if not rolls and place.endsAt == 0 then return end
  local counts = rolls and (place.count + 1) * place.bucketMs or math.max(place.endsAt - now, 0)
  call('PEXPIRE', place.counter, whole(counts + ${counterKeptMs}))
end

local function readHold(key)
  local fields, hold = call('HGETALL', key), {places = {}, attempts = {}}
  for index = 1, #fields, 2 do
    local kind, id = string.match(fields[index], '^(%a+):?(.*)$')
    if kind == 'left' then hold.left = tonumber(fields[index + 1]) end
    if kind == 'in' then hold.places[id] = placeOf(fields[index + 1]) end
    if kind == 'attempt' then hold.attempts[id] = true end
  end
  return hold
end

-- A counter that was lost has nothing to give back, and must not become a credit. (From 0, for -0 is no integer.)
local function giveBack(place, amount, now)
  if call('HINCRBY', place.counter, 'reserved', whole(0 - amount)) < 0 then call('HDEL', place.counter, 'reserved') end
  keep(place, now)
end

local function dropHold(key, hold, leases, job)
  call('HDEL', key, 'left')
  for id in pairs(hold.places) do call('HDEL', key, 'in:' .. id) end
  call('PEXPIRE', key, ${attemptKeptMs})
  call('ZREM', leases, job)
end
`

/**
 * KEYS hold holds · ARGV job amount now leaseUntil, then for each budget: id limit place.
 * Of several refusals the one that lasts longest is told: until then no other helps.
 */
const reserve = `
local job, amount, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if call('HEXISTS', KEYS[1], 'left') == 1 then
  call('ZADD', KEYS[2], ARGV[4], job)
  return {1, tonumber(call('HGET', KEYS[1], 'left'))}
end
local places, refusal = {}, nil
for index = 5, #ARGV, 3 do
  local place, limit = placeOf(ARGV[index + 2]), tonumber(ARGV[index + 1])
  local spent, reserved = read(place, now)
  local surplus = spent + reserved + amount - limit
  if surplus > 0 then
    local resets = place.endsAt
    if amount > limit or resets == 0 then resets = math.huge
    elseif place.bucketMs > 0 then resets = freeAt(place, now, surplus) end
    if not refusal or resets > refusal.resets then
      refusal = {budget = ARGV[index], spent = spent, reserved = reserved, resets = resets}
    end
  end
  places[ARGV[index]] = place
end
if refusal then
  local resets = refusal.resets == math.huge and -1 or refusal.resets
  return {0, refusal.budget, refusal.spent, refusal.reserved, resets}
end
for index = 5, #ARGV, 3 do
  local place = places[ARGV[index]]
  call('HINCRBY', place.counter, 'reserved', ARGV[2])
  keep(place, now)
  call('HSET', KEYS[1], 'in:' .. ARGV[index], ARGV[index + 2])
end
call('HSET', KEYS[1], 'left', ARGV[2])
-- A hold has no time to live: what it holds would stay reserved for ever.
call('PERSIST', KEYS[1])
call('ZADD', KEYS[2], ARGV[4], job)
return {1, amount}
`

/**
 * KEYS hold holds alerts · ARGV job attempt cost isLast now, then for each budget: id place softLimit facts.
 * Every budget that counts the attempt has its whole cost: in the place of the hold, or where it is counted now.
 */
const settle = `
local attempt, cost, isLast, now = ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1', tonumber(ARGV[5])
local hold = readHold(KEYS[1])
local isNew = not hold.attempts[attempt]
local due = isNew and cost or 0
local used = math.min(hold.left or 0, due)
local alerts, booked = {}, {}

local function alert(id, place, softLimit, facts)
  if softLimit == '' then return end
  local state = call('HMGET', place.counter, 'spent', 'alerted')
  if tonumber(state[1]) < tonumber(softLimit) then return end
  local last, rolls = tonumber(state[2] or nil), place.bucketMs > 0
  if last and not (rolls and now - last >= place.bucketMs * place.count) then return end
  call('HSET', place.counter, 'alerted', ARGV[5])
  local window = string.match(place.counter, '[^:]*$') .. (rolls and '.' .. whole(bucketAt(place, now)) or '')
  local row = facts .. ',"spent":' .. state[1] .. ',"atMs":' .. ARGV[5] .. '}'
  call('HSET', KEYS[3], id .. '/' .. window, row)
  alerts[#alerts + 1] = id .. '/' .. window
  alerts[#alerts + 1] = row
end

if due > 0 then
  for index = 6, #ARGV, 4 do
    local id = ARGV[index]
    local place = hold.places[id] or placeOf(ARGV[index + 1])
    read(place, now)
    book(place, due, now)
    keep(place, now)
    alert(id, place, ARGV[index + 2], ARGV[index + 3])
    booked[id] = true
  end
  call('HSET', KEYS[1], 'attempt:' .. attempt, 1)
  if not hold.left then call('PEXPIRE', KEYS[1], ${attemptKeptMs}) end
end
for id, place in pairs(hold.places) do
  -- A budget that this process does not know: another one may, or this one again after its next start.
  if due > 0 and not booked[id] then book(place, due, now) end
  giveBack(place, isLast and hold.left or used, now)
end
if hold.left and isLast then dropHold(KEYS[1], hold, KEYS[2], ARGV[1])
elseif hold.left then call('HSET', KEYS[1], 'left', whole(hold.left - used)) end
return {isNew and 1 or 0, due - used, unpack(alerts)}
`

/** KEYS hold holds · ARGV job now */
const release = `
local hold = readHold(KEYS[1])
if not hold.left then
  call('ZREM', KEYS[2], ARGV[1])
  return 0
end
for _, place in pairs(hold.places) do giveBack(place, hold.left, tonumber(ARGV[2])) end
dropHold(KEYS[1], hold, KEYS[2], ARGV[1])
return hold.left
`

/** KEYS hold holds · ARGV job now leaseUntil */
const extend = `
local hold = readHold(KEYS[1])
if not hold.left then
  call('ZREM', KEYS[2], ARGV[1])
  return 0
end
call('ZADD', KEYS[2], ARGV[3], ARGV[1])
for _, place in pairs(hold.places) do keep(place, tonumber(ARGV[2])) end
return 1
`

/** ARGV place softLimit now spent, then bucket and amount, oldest first. What is reserved stays. */
const restore = `
local place, now = placeOf(ARGV[1]), tonumber(ARGV[3])
local reserved = call('HGET', place.counter, 'reserved')
call('DEL', place.counter)
if reserved then call('HSET', place.counter, 'reserved', reserved) end
if ARGV[4] ~= '0' then
  call('HSET', place.counter, 'spent', ARGV[4])
  if ARGV[5] then call('HSET', place.counter, 'first', ARGV[5], unpack(ARGV, 5)) end
  if ARGV[2] ~= '' and tonumber(ARGV[4]) >= tonumber(ARGV[2]) then call('HSET', place.counter, 'alerted', ARGV[3]) end
end
keep(place, now)
`

/**
 * KEYS holds, then the counters that were restored, then all others · ARGV prefix of holds' keys, now, how many were
 * restored. Counts anew what is reserved where; a counter that was not restored has spent nothing.
 */
const recount = `
local reserved, places = {}, {}
for _, job in ipairs(call('ZRANGE', KEYS[1], 0, -1)) do
  local hold = readHold(ARGV[1] .. job)
  for _, place in pairs(hold.left and hold.places or {}) do
    reserved[place.counter] = (reserved[place.counter] or 0) + hold.left
    places[place.counter] = place
  end
end
for index = 2, #KEYS do
  if index <= tonumber(ARGV[3]) + 1 then call('HDEL', KEYS[index], 'reserved') else call('DEL', KEYS[index]) end
end
for counter, amount in pairs(reserved) do
  call('HSET', counter, 'reserved', whole(amount))
  keep(places[counter], tonumber(ARGV[2]))
end
`

const sources = { reserve, settle, release, extend, restore, recount }

export type AccountScript = keyof typeof sources

/** Lua source by name. */
export const accountScripts: Readonly<Record<AccountScript, string>> = Object.fromEntries(
  Object.entries(sources).map(([name, body]) => [name, prelude + body]),
) as Record<AccountScript, string>
