/** The Lua side of erasing what is no job. Each script is one atomic step. */

const prelude = `
local call = redis.call
`

/**
 * KEYS batch open ended lease tenantBatches openBatches tenantFiles tenantJobs · ARGV id filePrefix until. Whether it is
 * leased; false where there is no such batch. Its lease stays: by it can be seen when whoever drives it has let go.
 */
const eraseBatch = `
local status, spec, output, errors = unpack(call('HMGET', KEYS[1], 'status', 'spec', 'output', 'errors_file'))
for _, job in ipairs(call('HKEYS', KEYS[2])) do call('ZADD', KEYS[8], 'XX', 'LT', ARGV[3], job) end
call('DEL', KEYS[1], KEYS[2], KEYS[3])
call('ZREM', KEYS[5], ARGV[1])
local wasOpen = call('ZREM', KEYS[6], ARGV[1]) == 1
if not status then return false end
for _, file in ipairs({output or '', errors or ''}) do
  if file ~= '' and call('EXISTS', ARGV[2] .. file) == 1 then
    call('HSET', ARGV[2] .. file, 'uses', 0)
    call('ZADD', KEYS[7], 'LT', ARGV[3], file)
  end
end
local input = wasOpen and spec and cjson.decode(spec).inputFile
if input and call('EXISTS', ARGV[2] .. input) == 1 then call('HINCRBY', ARGV[2] .. input, 'uses', -1) end
return call('EXISTS', KEYS[4])
`

/** KEYS file parts due tenantFiles · ARGV id. Its size, or -1 where there is none. */
const eraseFile = `
local bytes = call('HGET', KEYS[1], 'bytes')
call('DEL', KEYS[1], KEYS[2])
call('ZREM', KEYS[3], ARGV[1])
call('ZREM', KEYS[4], ARGV[1])
return bytes and tonumber(bytes) or -1
`

/** KEYS index · ARGV until most. Returns how many keys went and how many stood for something. */
const forgetKeys = `
local hashes = call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
local bound = 0
for _, hash in ipairs(hashes) do
  bound = bound + call('DEL', KEYS[1] .. ':' .. hash)
  call('ZREM', KEYS[1], hash)
end
return {#hashes, bound}
`

export const erasureScripts = {
  eraseBatch: prelude + eraseBatch,
  eraseFile: prelude + eraseFile,
  forgetKeys: prelude + forgetKeys,
} as const
