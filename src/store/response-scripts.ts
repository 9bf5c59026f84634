import { stages, statusOf } from '../core/job-state.ts'
import { endedStages, jobPrelude, oneOf } from './job-prelude.ts'

const queuedStages = stages.filter((stage) => statusOf(stage) === 'queued')

/** KEYS job; ARGV id entry */
const tellPlace = `${jobPrelude}
local stage = call('HGET', KEYS[1], 'stage')
if ${oneOf(queuedStages)} then emit(KEYS[1], ARGV[1], ARGV[2]) end
return 1
`

/**
 * KEYS job private result events tenantJobs deadLetters tenantDeadLetters; ARGV id now. What is left is the state without
 * content and whose job it was, for the recorder that may still have to tell of it; both go when any ended job would.
 */
const shred = `
local call = redis.call
local stage, shredded, plan = unpack(call('HMGET', KEYS[1], 'stage', 'shredded', 'plan'))
if shredded or not (${oneOf(endedStages)}) then return 0 end
-- As a dead letter that was discarded: a recorder that is late must not keep it for a replay.
call('HSET', KEYS[1], 'shredded', ARGV[2], 'discarded', ARGV[2])
call('HDEL', KEYS[2], 'body', 'vault', 'request')
call('DEL', KEYS[3], KEYS[4])
-- A cloud dispatcher that ended the job may not have been allowed to delete the copies of other pools.
if plan then
  for _, candidate in ipairs(cjson.decode(plan).candidates) do
    call('DEL', 'sluice:body:' .. candidate.pool .. ':' .. ARGV[1])
  end
end
for index = 5, 7 do call('ZREM', KEYS[index], ARGV[1]) end
return 1
`

export const responseScripts = { tellPlace, shred } as const
