import { BrokerError } from '../core/errors.ts'
import { ProviderError } from '../core/provider.ts'

const codePattern = /^\w{1,64}$/
/** Redis answers errors as `CODE sentence`; the sentence may echo arguments. */
const redisCodePattern = /^[A-Z]{2,32}\b/
const maxStackFrames = 12

interface ErrorFacts {
  readonly name: string
  readonly code: string
  readonly status?: number
  readonly param?: string
  readonly message?: string
  readonly stack?: readonly string[]
  readonly cause?: { readonly name: string; readonly code: string }
}

/**
 * The code under which a failure is counted and traced: Sluice's own, an upstream failure's kind, or a system code such
 * as `ECONNREFUSED`; `internal_error` where there is none.
 */
export function errorCode(error: unknown): string {
  if (error instanceof ProviderError) return error.failure
  if (!(error instanceof Error)) return 'internal_error'
  if ('code' in error && typeof error.code === 'string' && codePattern.test(error.code)) return error.code
  if (error.name === 'ReplyError') return redisCodePattern.exec(error.message)?.[0] ?? 'internal_error'
  return 'internal_error'
}

/**
 * What a log line says about an error. Sluice composes the messages of its own two classes, so they are printed.
 * Messages of all others are not: `JSON.parse` and Node's argument checks quote the text that they refuse, which may be
 * a prompt. Such an error is found by its name, its code and the places in its stack. A cause is named, not quoted.
 */
export function describeError(error: Error): ErrorFacts {
  return {
    name: error.name,
    code: errorCode(error),
    ...ownFacts(error),
    ...(error.cause instanceof Error ? { cause: { name: error.cause.name, code: errorCode(error.cause) } } : {}),
  }
}

function ownFacts(error: Error): Partial<ErrorFacts> {
  if (error instanceof BrokerError) {
    return { message: error.message, ...(error.param === null ? {} : { param: error.param }) }
  }
  if (error instanceof ProviderError) {
    return { message: error.message, ...(error.status === null ? {} : { status: error.status }) }
  }
  return { stack: stackFrames(error) }
}

/** The stack without its head, which repeats the message and may span lines that look like frames. */
function stackFrames(error: Error): readonly string[] {
  const stack = error.stack ?? ''
  const messageAt = stack.indexOf(error.message)
  const frames = messageAt === -1 ? stack : stack.slice(messageAt + error.message.length)
  return frames
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, maxStackFrames)
    .map((line) => line.slice('    at '.length))
}
