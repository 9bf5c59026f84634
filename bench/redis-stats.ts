import { Redis } from 'ioredis'

export interface RedisStats {
  /** By command, those that scripts call included: EVALSHA's time holds theirs. */
  readonly commands: readonly { readonly name: string; readonly calls: number; readonly us: number }[]
  /** Reads from and writes to client sockets: one packet can carry several commands. */
  readonly socketReads: number
  readonly socketWrites: number
}

/** Counts what a Redis does from now on; the returned function reads the counts. */
export async function watchRedis(url: string): Promise<() => Promise<RedisStats>> {
  const redis = new Redis(url)
  await redis.config('RESETSTAT')
  return async () => {
    const [commands, stats] = [await redis.info('commandstats'), await redis.info('stats')]
    redis.disconnect()
    return { commands: parseCommands(commands), ...parseSockets(stats) }
  }
}

function parseCommands(text: string): RedisStats['commands'] {
  return [...text.matchAll(/^cmdstat_(\S+):calls=(\d+),usec=(\d+)/gm)]
    .map(([, name = '', calls, us]) => ({ name, calls: Number(calls), us: Number(us) }))
    .sort((a, b) => b.us - a.us)
}

function parseSockets(text: string): Pick<RedisStats, 'socketReads' | 'socketWrites'> {
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1])
  return { socketReads: field('total_reads_processed'), socketWrites: field('total_writes_processed') }
}
