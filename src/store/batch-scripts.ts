import type { JobId } from '../core/job.ts'
import { stages, statusOf } from '../core/job-state.ts'
import { bindKeyLua } from './idempotency-keys.ts'
import { keys } from './keys.ts'

/** The Lua side of batches. Each script is one atomic step that looks first and then changes all or nothing. */

const prelude = `
local call = redis.call
`

/** KEYS batch tenantBatches openBatches inputFile claim · ARGV id created fingerprint claimTtl field value… */
const createBatch = `${bindKeyLua}
if ARGV[3] ~= '' then
  local holder = call('GET', KEYS[5])
  if holder then return holder end
end
-- A connection that broke before the answer came has created it already.
if call('EXISTS', KEYS[1]) == 1 then return '' end
if call('EXISTS', KEYS[4]) == 0 then return '-' end
if ARGV[3] ~= '' then bindKey(KEYS[5], ARGV[1] .. ' ' .. ARGV[3], ARGV[4], ARGV[2]) end
call('HINCRBY', KEYS[4], 'uses', 1)
call('HSET', KEYS[1], 'status', 'validating', unpack(ARGV, 5))
call('ZADD', KEYS[2], ARGV[2], ARGV[1])
call('ZADD', KEYS[3], ARGV[2], ARGV[1])
return ''
`

const queuedStages = stages.filter((stage) => statusOf(stage) === 'queued')

/** KEYS open. How many jobs run, and the one that was made first of those that wait: ids of jobs sort by time. */
const standing = `
local queued = {${queuedStages.map((stage) => `${stage} = true`).join(', ')}}
local running, next = 0, ''
for _, id in ipairs(call('HKEYS', KEYS[1])) do
  local stage = call('HGET', '${keys.job('' as JobId)}' .. id, 'stage')
  if stage == 'running' then running = running + 1 end
  if stage and queued[stage] and (next == '' or id < next) then next = id end
end
return {running, next}
`

/** KEYS batch · ARGV ending now */
const startEnding = `
local state = call('HMGET', KEYS[1], 'status', 'ending')
local status = state[1]
if state[2] or not (status == 'validating' or status == 'in_progress') then return 0 end
if ARGV[1] == 'cancelled' then
  call('HSET', KEYS[1], 'ending', 'cancelled', 'status', 'cancelling', 'cancelling', ARGV[2])
else
  call('HSET', KEYS[1], 'ending', 'expired', 'status', 'finalizing', 'finalizing', ARGV[2])
end
return 1
`

/** KEYS batch · ARGV total model now */
const beginBatch = `
local state = call('HMGET', KEYS[1], 'status', 'validated')
if not state[1] or state[2] then return 0 end
call('HSET', KEYS[1], 'validated', 1, 'total', ARGV[1], 'model', ARGV[2])
if state[1] == 'validating' then call('HSET', KEYS[1], 'status', 'in_progress', 'in_progress', ARGV[3]) end
return 1
`

/** KEYS batch open · ARGV fromOffset toOffset toLine, then job and line by turns. */
const assignLines = `
local state = call('HMGET', KEYS[1], 'status', 'ending', 'offset')
if state[1] ~= 'in_progress' or state[2] or (state[3] or '0') ~= ARGV[1] then return 0 end
call('HSET', KEYS[1], 'offset', ARGV[2], 'line', ARGV[3])
if #ARGV > 3 then call('HSET', KEYS[2], unpack(ARGV, 4)) end
return 1
`

/** KEYS batch ended · ARGV job… */
const noteEnds = `
local status = call('HGET', KEYS[1], 'status')
-- What is told of again after its batch has ended must leave nothing behind.
if status == 'in_progress' or status == 'finalizing' or status == 'cancelling' then call('SADD', KEYS[2], unpack(ARGV)) end
return 1
`

/** Lua: whether a file can be added to as its writer found it, and the addition itself. */
const additions = `
local function lastOf(parts)
  return string.match(call('LINDEX', parts, -1) or '', '^%S+') or ''
end

local function isLast(parts, addition)
  return addition.file ~= '' and lastOf(parts) == addition.part
end

local function fits(field, parts, addition)
  if addition.file == '' then return true end
  local known = call('HGET', KEYS[1], field)
  if known and known ~= addition.file then return false end
  return lastOf(parts) == addition.last
end

local function add(field, file, parts, addition, tenant, tenantFiles, now)
  if addition.file == '' then return end
  if call('EXISTS', file) == 0 then
    call('HSET', file, 'tenant', tenant, 'filename', addition.filename, 'purpose', 'batch_output', 'bytes', 0,
      'created', now, 'expires', '', 'uses', 1)
    call('ZADD', tenantFiles, now, addition.file)
    call('HSET', KEYS[1], field, addition.file)
  end
  local before = 0
  if addition.replaces == '1' then before = tonumber(string.match(call('RPOP', parts), '%d+$')) end
  call('RPUSH', parts, addition.part .. ' ' .. addition.bytes)
  call('HINCRBY', file, 'bytes', tonumber(addition.bytes) - before)
end

local function additionAt(index)
  return {file = ARGV[index], last = ARGV[index + 1], replaces = ARGV[index + 2], part = ARGV[index + 3],
    bytes = ARGV[index + 4], filename = ARGV[index + 5]}
end
`

/** Arguments of `commitOutcomes` before the jobs. */
const commitArgCount = 24

/**
 * KEYS batch open ended outputFile outputParts errorFile errorParts tenantFiles
 * ARGV completed failed input cached output reasoning passedFrom passedTo passedToLine now tenant, output (6), errors (6), pace, job…
 */
const commitOutcomes = `${additions}
local state = call('HMGET', KEYS[1], 'status', 'offset')
if not state[1] then return 0 end
local output, errors = additionAt(12), additionAt(18)
-- Redis has done this already, and the connection broke before it could say so.
if isLast(KEYS[5], output) or isLast(KEYS[7], errors) then return 1 end
if ARGV[7] ~= '' and (state[2] or '0') ~= ARGV[7] then return 0 end
if not fits('output', KEYS[5], output) or not fits('errors_file', KEYS[7], errors) then return 0 end
local jobs = {unpack(ARGV, ${commitArgCount + 1})}
for _, job in ipairs(jobs) do
  if call('HEXISTS', KEYS[2], job) == 0 then return 0 end
end
add('output', KEYS[4], KEYS[5], output, ARGV[11], KEYS[8], ARGV[10])
add('errors_file', KEYS[6], KEYS[7], errors, ARGV[11], KEYS[8], ARGV[10])
for index, field in ipairs({'completed_lines', 'failed_lines', 'input_tokens', 'cached_tokens', 'output_tokens',
  'reasoning_tokens'}) do
  if ARGV[index] ~= '0' then call('HINCRBY', KEYS[1], field, ARGV[index]) end
end
if ARGV[7] ~= '' then call('HSET', KEYS[1], 'offset', ARGV[8], 'line', ARGV[9]) end
if ARGV[24] ~= '' then call('HSET', KEYS[1], 'pace', ARGV[24]) end
if #jobs > 0 then
  call('HDEL', KEYS[2], unpack(jobs))
  call('SREM', KEYS[3], unpack(jobs))
end
return 1
`

/**
 * KEYS batch open ended openBatches inputFile outputFile errorFile filesDue outbox lease
 * ARGV id status errors now filesExpire forget output errorsFile
 */
const finishBatch = `
local state = call('HMGET', KEYS[1], 'status', 'output', 'errors_file')
local status = state[1]
if not status or status == 'completed' or status == 'failed' or status == 'expired' or status == 'cancelled' then
  return 0
end
if call('HLEN', KEYS[2]) > 0 or (state[2] or '') ~= ARGV[7] or (state[3] or '') ~= ARGV[8] then return 0 end
if ARGV[2] == 'completed' and status ~= 'finalizing' then call('HSET', KEYS[1], 'finalizing', ARGV[4]) end
call('HSET', KEYS[1], 'status', ARGV[2], ARGV[2], ARGV[4])
if ARGV[3] ~= '' then call('HSET', KEYS[1], 'errors', ARGV[3]) end
if call('EXISTS', KEYS[5]) == 1 then call('HINCRBY', KEYS[5], 'uses', -1) end
for index = 6, 7 do
  if ARGV[index + 1] ~= '' and call('EXISTS', KEYS[index]) == 1 then
    call('HSET', KEYS[index], 'uses', 0, 'expires', ARGV[5])
    call('ZADD', KEYS[8], ARGV[5], ARGV[index + 1])
  end
end
call('ZREM', KEYS[4], ARGV[1])
call('DEL', KEYS[3], KEYS[10])
call('PEXPIREAT', KEYS[1], ARGV[6])
call('LPUSH', KEYS[9], ARGV[1] .. ' batch.' .. ARGV[2])
return 1
`

/** KEYS lease · ARGV holder leaseMs */
const leaseBatch = `
local holder = call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`

/** KEYS lease · ARGV holder */
const releaseBatch = `
if call('GET', KEYS[1]) == ARGV[1] then call('DEL', KEYS[1]) end
return 1
`

/** Lua source by name. */
export const batchScripts = {
  createBatch: prelude + createBatch,
  startEnding: prelude + startEnding,
  beginBatch: prelude + beginBatch,
  assignLines: prelude + assignLines,
  standing: prelude + standing,
  noteEnds: prelude + noteEnds,
  commitOutcomes: prelude + commitOutcomes,
  finishBatch: prelude + finishBatch,
  leaseBatch: prelude + leaseBatch,
  releaseBatch: prelude + releaseBatch,
}
