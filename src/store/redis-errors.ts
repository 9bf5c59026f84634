import { ReplyError } from 'ioredis'
import { BrokerError } from '../core/errors.ts'

/** Replies with which a server says that it can't serve right now, though the command was right. */
const awayPattern = /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|OOM|MISCONF|NOAUTH|BUSY)\b/

/**
 * Turns every way in which Redis can be away (closed, refused, timed out, loading, full) into `redis_unavailable`.
 * A reply that says that the command is wrong is a bug of ours and stays what it is.
 */
export async function translateRedisErrors<Value>(operation: Promise<Value>): Promise<Value> {
  try {
    return await operation
  } catch (error) {
    if (error instanceof ReplyError && !awayPattern.test((error as Error).message)) throw error
    throw new BrokerError('redis_unavailable', undefined, { cause: error })
  }
}
