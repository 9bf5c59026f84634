import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { NodeRegistry, NodeReport, ReportAnswer } from '../core/node.ts'
import { keys } from './keys.ts'
import { defineScripts, type RunScript } from './scripts.ts'

/** A node that misses so many heartbeats is lost. */
const heartbeatsKept = 3

/**
 * The fields of a pool's hash: `report:NODE`, which begins with the time when it expires, and `drain:NODE`. The clock is
 * Redis's: those of nodes may be wrong by more than a heartbeat. A word to drain outlives its node, so that one that is
 * restarted in the middle of its maintenance does not begin to work.
 */
const sources = {
  report: `
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    redis.call('HSET', KEYS[1], 'report:' .. ARGV[1], string.format('%.0f', now + ARGV[3]) .. ' ' .. ARGV[2])
    return {redis.call('HEXISTS', KEYS[1], 'drain:' .. ARGV[1]), string.format('%.0f', now), redis.call('HGETALL', KEYS[1])}`,
  list: `
    local time = redis.call('TIME')
    return {string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), redis.call('HGETALL', KEYS[1])}`,
  drain: `
    if redis.call('HEXISTS', KEYS[1], 'report:' .. ARGV[1]) == 0 then return 0 end
    redis.call('HSET', KEYS[1], 'drain:' .. ARGV[1], '1')
    return 1`,
} as const

const reportSchema = z.object({
  node: z.string(),
  pool: z.string(),
  transport: z.enum(['redis', 'https']),
  version: z.string(),
  startedAtMs: z.number(),
  reportedAtMs: z.number(),
  isDraining: z.boolean(),
  running: z.number(),
  slots: z.number(),
  waiting: z.number(),
  deployments: z.array(
    z.object({
      id: z.string(),
      isReady: z.boolean(),
      reason: z.string().nullable(),
      isLoaded: z.boolean().nullable(),
      servesFrom: z.enum(['here', 'cloud', 'unknown']),
    }),
  ),
  runtimes: z.array(
    z.object({
      kind: z.enum(['ollama', 'mlx', 'llama.cpp', 'lm-studio', 'vllm', 'openai-compatible']),
      url: z.string(),
      version: z.string().nullable(),
      models: z.array(
        z.object({
          name: z.string(),
          isLoaded: z.boolean(),
          sizeBytes: z.number().nullable(),
          isRemote: z.boolean(),
        }),
      ),
      parallel: z.number().nullable(),
      cloud: z.enum(['off', 'on', 'unknown']),
    }),
  ),
  memory: z.object({ totalBytes: z.number(), freeBytes: z.number() }),
  platform: z.string(),
})

/**
 * The registry in Redis, one hash per pool: a dispatcher is given its own pool, so that its Redis user needs no other
 * key; those who want all nodes are given all pools.
 */
export class RedisNodeRegistry implements NodeRegistry {
  readonly #redis: Redis
  readonly #pools: readonly string[]
  readonly #run: RunScript<keyof typeof sources>

  constructor(redis: Redis, pools: readonly string[]) {
    this.#redis = redis
    this.#pools = pools
    this.#run = defineScripts(redis, 'nodes', sources)
  }

  async report(report: NodeReport, heartbeatMs: number): Promise<ReportAnswer> {
    const args = [report.node, JSON.stringify(report), heartbeatsKept * heartbeatMs]
    const reply = await this.#run('report', [keys.nodes(report.pool)], args)
    const [mustDrain, nowMs, fields] = reply as [number, string, string[]]
    const { live, lost } = readPool(fields, Number(nowMs))
    if (lost.length > 0) await this.#redis.hdel(keys.nodes(report.pool), ...lost)
    const others = live.filter(({ node, isDraining }) => node !== report.node && !isDraining)
    const ready = others.flatMap(({ deployments }) => deployments.filter(({ isReady }) => isReady).map(({ id }) => id))
    return { mustDrain: mustDrain === 1, readyElsewhere: [...new Set(ready)] }
  }

  async list(): Promise<readonly NodeReport[]> {
    const pools = await Promise.all(
      this.#pools.map(async (pool) => {
        const [nowMs, fields] = (await this.#run('list', [keys.nodes(pool)], [])) as [string, string[]]
        return readPool(fields, Number(nowMs)).live
      }),
    )
    return pools.flat().toSorted((one, other) => compare(one.pool, other.pool) || compare(one.node, other.node))
  }

  async remove(node: string, from?: string): Promise<void> {
    const pools = from === undefined ? this.#pools : [from]
    await Promise.all(pools.map((pool) => this.#redis.hdel(keys.nodes(pool), `report:${node}`)))
  }

  async setDraining(node: string, isDraining: boolean): Promise<boolean> {
    const changed = await Promise.all(
      this.#pools.map((pool) =>
        isDraining
          ? this.#run('drain', [keys.nodes(pool)], [node])
          : this.#redis.hdel(keys.nodes(pool), `drain:${node}`),
      ),
    )
    return changed.some((count) => count === 1)
  }
}

/** What a pool's hash says: the nodes that are there, and the fields of those that are not any more. */
function readPool(fields: readonly string[], nowMs: number): { live: NodeReport[]; lost: string[] } {
  const live: NodeReport[] = []
  const lost: string[] = []
  for (let index = 0; index < fields.length; index += 2) {
    const [field = '', value = ''] = fields.slice(index, index + 2)
    if (!field.startsWith('report:')) continue
    const space = value.indexOf(' ')
    if (Number(value.slice(0, space)) < nowMs) {
      lost.push(field)
      continue
    }
    // A node of another release may report something else: it is not shown, and loses nothing by that.
    const report = reportSchema.safeParse(JSON.parse(value.slice(space + 1)))
    if (report.success) live.push(report.data)
  }
  return { live, lost }
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
