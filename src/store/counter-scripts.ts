/**
 * Lua for counters of calendar and of rolling windows. A counter is a hash: `spent`, `reserved`, and for a rolling window
 * its buckets by number and `first`, the oldest of them; `spent` is then their sum.
 *
 * A place is where something is counted: the key of a counter, when its window ends (0: never) and, if it rolls, its
 * buckets (a length of 0: it does not). As text `<bucketMs> <count> <endsAtMs> <key>`.
 */
export const counterPrelude = `
local call = redis.call

-- Amounts may be larger than the 14 digits that Lua writes by itself.
local function whole(number) return string.format('%.0f', number) end

local function placeOf(text)
  local bucketMs, count, endsAt, counter = string.match(text, '^(%d+) (%d+) (%d+) (.*)$')
  return {bucketMs = tonumber(bucketMs), count = tonumber(count), endsAt = tonumber(endsAt), counter = counter}
end

local function bucketAt(place, now) return math.floor(now / place.bucketMs) end

-- The buckets of a rolling counter: amounts by number.
local function bucketsOf(counter)
  local fields, buckets = call('HGETALL', counter), {}
  for index = 1, #fields, 2 do
    local number = tonumber(fields[index])
    if number then buckets[number] = tonumber(fields[index + 1]) end
  end
  return buckets
end

-- Spent and reserved, after what has left the window was dropped: looked for only when the oldest bucket has left.
local function read(place, now)
  local facts = call('HMGET', place.counter, 'spent', 'reserved', 'first')
  local spent, reserved, first = tonumber(facts[1] or 0), tonumber(facts[2] or 0), tonumber(facts[3] or nil)
  if place.bucketMs == 0 or not first then return spent, reserved end
  local oldest = bucketAt(place, now) - place.count
  if first >= oldest then return spent, reserved end
  spent, first = 0, nil
  for bucket, amount in pairs(bucketsOf(place.counter)) do
    if bucket < oldest then
      call('HDEL', place.counter, whole(bucket))
    else
      first = math.min(first or bucket, bucket)
      spent = spent + amount
    end
  end
  call('HSET', place.counter, 'spent', whole(spent))
  if first then call('HSET', place.counter, 'first', whole(first)) else call('HDEL', place.counter, 'first') end
  return spent, reserved
end

-- When enough has left a rolling window that was read before; what is reserved counts as if it was spent now.
local function freeAt(place, now, surplus)
  local bucket, last, buckets = bucketAt(place, now) - place.count, bucketAt(place, now), bucketsOf(place.counter)
  while bucket < last do
    surplus = surplus - (buckets[bucket] or 0)
    if surplus <= 0 then break end
    bucket = bucket + 1
  end
  return (bucket + place.count + 1) * place.bucketMs
end

local function book(place, amount, now)
  call('HINCRBY', place.counter, 'spent', amount)
  if place.bucketMs == 0 then return end
  local bucket, first = bucketAt(place, now), tonumber(call('HGET', place.counter, 'first') or nil)
  if not first or bucket < first then call('HSET', place.counter, 'first', whole(bucket)) end
  call('HINCRBY', place.counter, whole(bucket), amount)
end
`
