/** The Lua side of files. Each script is one atomic step. */

const prelude = `
local call = redis.call
`

/** KEYS file parts tenantFiles due · ARGV id created expires part partBytes field value… */
const addFile = `
if call('EXISTS', KEYS[1]) == 1 then return 0 end
call('HSET', KEYS[1], unpack(ARGV, 6))
call('RPUSH', KEYS[2], ARGV[4] .. ' ' .. ARGV[5])
call('ZADD', KEYS[3], ARGV[2], ARGV[1])
call('ZADD', KEYS[4], ARGV[3], ARGV[1])
return 1
`

/** KEYS file parts due · ARGV id filesPrefix */
const removeFile = `
local state = call('HMGET', KEYS[1], 'tenant', 'uses')
if not state[1] then
  call('ZREM', KEYS[3], ARGV[1])
  return 'missing'
end
if tonumber(state[2] or 0) > 0 then return 'used' end
call('DEL', KEYS[1], KEYS[2])
call('ZREM', KEYS[3], ARGV[1])
call('ZREM', ARGV[2] .. state[1], ARGV[1])
return 'removed'
`

export const fileScripts = { addFile: prelude + addFile, removeFile: prelude + removeFile }
