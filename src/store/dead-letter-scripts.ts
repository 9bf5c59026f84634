import { keys } from './keys.ts'

/**
 * The Lua side of dead letters.
 *
 * KEYS job private index tenantIndex; ARGV id endedAt now retention. The index holds nothing that was discarded, however
 * late the recorder tells of a job's end once more, and nothing is kept longer because it was told late.
 */
const bury = `
local call = redis.call
local state = call('HMGET', KEYS[1], 'stage', 'discarded')
local ended, now, retention = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local left = ended + retention - now
if state[1] ~= 'failed' or state[2] or left <= 0 then return 0 end
for index = 1, 2 do
  local ttl = call('PTTL', KEYS[index])
  if ttl >= 0 and ttl < left then call('PEXPIRE', KEYS[index], left) end
end
for index = 3, 4 do
  call('ZREMRANGEBYSCORE', KEYS[index], '-inf', now - retention)
  call('ZADD', KEYS[index], ended, ARGV[1])
  if call('PTTL', KEYS[index]) < left then call('PEXPIRE', KEYS[index], left) end
end
return 1
`

/**
 * KEYS job private result events index tenantIndex; ARGV id now keepMs record. What is left says whose job it was, which
 * the recorder asks for, and goes when any ended job would.
 */
const discard = `
local call = redis.call
local state = call('HMGET', KEYS[1], 'stage', 'discarded', 'plan')
if state[1] ~= 'failed' or state[2] then return 0 end
call('HSET', KEYS[1], 'discarded', ARGV[2])
call('HDEL', KEYS[2], 'body', 'vault', 'request')
call('DEL', KEYS[3], KEYS[4])
-- A cloud dispatcher that ended the job may not have been allowed to delete the copies of other pools.
if state[3] then
  for _, candidate in ipairs(cjson.decode(state[3]).candidates) do
    call('DEL', 'sluice:body:' .. candidate.pool .. ':' .. ARGV[1])
  end
end
for index = 1, 2 do
  if call('PTTL', KEYS[index]) > tonumber(ARGV[3]) then call('PEXPIRE', KEYS[index], ARGV[3]) end
end
call('ZREM', KEYS[5], ARGV[1])
call('ZREM', KEYS[6], ARGV[1])
call('XADD', '${keys.records}', '*', 'k', 'action', 'data', ARGV[4])
return 1
`

export const deadLetterScripts = { bury, discard } as const
