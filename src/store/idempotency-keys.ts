/** How long an idempotency key stands for what was made by it, in milliseconds. */
export const idempotencyTtlMs = 24 * 60 * 60 * 1000

/** Lua that lets a client's key stand for `holder`, and notes it among those of its tenant. */
export const bindKeyLua = `
local function bindKey(key, holder, ttl, now)
  call('SET', key, holder, 'PX', ttl)
  local index, hash = string.match(key, '^(.*):([^:]*)$')
  call('ZREMRANGEBYSCORE', index, '-inf', now)
  call('ZADD', index, tonumber(now) + tonumber(ttl), hash)
  call('PEXPIRE', index, ttl)
end
`
