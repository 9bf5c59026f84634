/**
 * What went wrong between us and an S3, in our own words: an S3's repeat names of objects, and where a signature does not
 * fit the whole request with it.
 */
export class S3Failure extends Error {
  override readonly name = 'S3Failure'
  /** The S3's word for it, such as `SlowDown`, or Node's, such as `ECONNREFUSED`. */
  readonly code: string
  /** Null where there was no answer. */
  readonly status: number | null
  readonly operation: string

  constructor(operation: string, { code, status }: { code: string; status: number | null }) {
    super(`${code}${status === null ? '' : ` (${status})`} at ${operation}`)
    this.code = code
    this.status = status
    this.operation = operation
  }

  /** Whether the same request will be refused until somebody changes something: keys, rights, the name of the bucket. */
  get isRefusal(): boolean {
    if (this.code === 'CredentialsProviderError') return true
    const { status } = this
    return (
      status !== null && status >= 300 && status < 500 && !passing.has(status) && !/Timeout|SlowDown/.test(this.code)
    )
  }
}

/** Statuses below 500 that say "not now". */
const passing: ReadonlySet<number> = new Set([408, 425, 429])
const codePattern = /^[A-Za-z][\w.]{1,63}$/
/** Names that say nothing. */
const nameless: ReadonlySet<string> = new Set(['Error', 'UnknownError', 'Unknown', 'TypeError'])

/** Keeps the code and the status of whatever the client threw, and nothing else of it. */
export function describeFailure(operation: string, error: unknown): S3Failure {
  if (error instanceof S3Failure) return error
  const facts = error as { name?: unknown; code?: unknown; $metadata?: { httpStatusCode?: unknown } } | null
  const statusCode = facts?.$metadata?.httpStatusCode
  const status = typeof statusCode === 'number' ? statusCode : null
  const words = [facts?.name, facts?.code].filter(
    (word): word is string => typeof word === 'string' && codePattern.test(word) && !nameless.has(word),
  )
  // Stores that lack a function have several words for it.
  const own = status === 501 ? 'NotImplemented' : words[0]
  return new S3Failure(operation, { code: own ?? (status === null ? 'no connection' : 'unknown'), status })
}
