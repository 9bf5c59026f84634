/** The user asked for something that can't be done as asked: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The server answered, and the answer is no. `code` is one of the server's error codes, or `http_<status>`. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly code: string
  readonly param: string | null
  /** What the server asked a client to wait, in milliseconds. */
  readonly retryAfterMs: number | null
  /** Whether the same request may succeed later. */
  readonly isRetryable: boolean

  constructor(facts: {
    status: number
    code: string
    message: string
    param?: string | null
    retryAfterMs?: number | null
    isRetryable?: boolean
  }) {
    super(facts.message)
    this.status = facts.status
    this.code = facts.code
    this.param = facts.param ?? null
    this.retryAfterMs = facts.retryAfterMs ?? null
    this.isRetryable = facts.isRetryable ?? false
  }
}

/** No answer, or half of one. `reason` is the system's word for it, such as `ECONNREFUSED`. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
  readonly reason: string
  readonly url: string

  constructor(url: string, reason: string, options: { cause?: unknown } = {}) {
    super(`no connection to ${url} (${reason})`, options)
    this.url = url
    this.reason = reason
  }
}

/** A file that can't be written. `reason` is the system's word for it, such as `ENOSPC`. */
export class FileError extends Error {
  override readonly name = 'FileError'

  constructor(path: string, reason: string, options: { cause?: unknown } = {}) {
    super(`Can't write ${path} (${reason}).`, options)
  }
}

/** What went wrong in one line for a person, or null for an error that is a bug and deserves its stack. */
export function describeFailure(error: unknown): string | null {
  if (error instanceof UsageError || error instanceof FileError) return error.message
  if (error instanceof ApiError) {
    const hint =
      error.code === 'invalid_api_key' ? ' Set SLUICE_API_KEY; `sluice up` prints the key at its first start.' : ''
    return `${error.message} [${error.code}]${hint}`
  }
  if (error instanceof ConnectionError) {
    return `No connection to ${error.url} (${error.reason}). Is \`sluice up\` running there? --url and SLUICE_URL say where to look.`
  }
  return null
}
