import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { BrokerError } from '../../core/errors.ts'
import type { Logger } from '../../core/telemetry.ts'
import { describeFailure, type S3Failure } from './s3-failure.ts'

export interface S3Settings {
  readonly bucket: string
  readonly region: string
  /** Absent: AWS's own for the region. */
  readonly endpoint?: string
  /** Empty, or what all keys begin with, with a `/` at its end. */
  readonly prefix: string
  /** `https://endpoint/bucket/key` instead of `https://bucket.endpoint/key`. */
  readonly pathStyle: boolean
  /** Absent: whatever AWS's own chain finds (environment, files, roles of containers and machines). */
  readonly credentials?: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
  readonly limits?: Partial<S3Limits>
}

export interface S3Limits {
  /** Opening a connection, in milliseconds. */
  readonly connectMs: number
  /** The longest silence on a connection, in milliseconds. */
  readonly idleMs: number
  /** One call, its repetitions and its body included, in milliseconds. */
  readonly callMs: number
  /** How often a call is made that fails in passing. The client waits in between: longer and longer, and longest when told to slow down. */
  readonly attempts: number
}

const defaultLimits: S3Limits = { connectMs: 3_000, idleMs: 10_000, callMs: 120_000, attempts: 4 }
/** How often the same trouble is logged at most, in milliseconds. */
const warnEveryMs = 60_000

interface CallOptions {
  readonly abortSignal: AbortSignal
}

/**
 * The way to one bucket. Tells the log when the bucket goes away and when it is back; as long as it is away a call is not
 * repeated, so that whoever asks is told soon, and so is whoever cleans up behind them.
 */
export class S3Connection {
  readonly bucket: string
  readonly prefix: string
  readonly #patient: S3Client
  readonly #brief: S3Client
  readonly #limits: S3Limits
  readonly #log: Logger
  #warned: { code: string; atMs: number } | null = null

  constructor(settings: S3Settings, log: Logger) {
    this.bucket = settings.bucket
    this.prefix = settings.prefix
    this.#limits = { ...defaultLimits, ...settings.limits }
    this.#patient = new S3Client(clientConfigOf(settings, this.#limits))
    this.#brief = new S3Client(clientConfigOf(settings, { ...this.#limits, attempts: 1 }))
    this.#log = log
  }

  /**
   * Makes a call. Codes in `expected` reject with the `S3Failure`; every other failure is `blob_store_unavailable`.
   * `signal` gives the call up, which says nothing about the bucket.
   */
  async call<Output>(
    operation: string,
    send: (client: S3Client, options: CallOptions) => Promise<Output>,
    { expected = [], signal }: { expected?: readonly string[]; signal?: AbortSignal } = {},
  ): Promise<Output> {
    const inTime = AbortSignal.timeout(this.#limits.callMs)
    const abortSignal = signal ? AbortSignal.any([signal, inTime]) : inTime
    try {
      const output = await send(this.#warned ? this.#brief : this.#patient, { abortSignal })
      this.#noteAnswer()
      return output
    } catch (error) {
      const failure = describeFailure(operation, inTime.aborted ? { name: 'TimeoutError' } : error)
      if (expected.includes(failure.code)) {
        this.#noteAnswer()
        throw failure
      }
      if (!signal?.aborted) this.#noteFailure(failure)
      throw new BrokerError('blob_store_unavailable', undefined, { cause: failure })
    }
  }

  /** Closes what is open and idle. */
  close(): void {
    this.#patient.destroy()
    this.#brief.destroy()
  }

  #noteAnswer(): void {
    if (!this.#warned) return
    this.#warned = null
    this.#log.info({ bucket: this.bucket }, 'the bucket of files answers again')
  }

  #noteFailure({ code, status, operation }: S3Failure): void {
    const nowMs = performance.now()
    if (this.#warned?.code === code && nowMs - this.#warned.atMs < warnEveryMs) return
    this.#warned = { code, atMs: nowMs }
    this.#log.warn({ bucket: this.bucket, code, status, operation }, 'the bucket of files does not do what it is asked')
  }
}

function clientConfigOf({ region, endpoint, pathStyle, credentials }: S3Settings, limits: S3Limits): S3ClientConfig {
  return {
    region,
    forcePathStyle: pathStyle,
    maxAttempts: limits.attempts,
    // Since 3.729 the client adds CRC32 checksums to every upload, which many S3-compatible stores refuse
    // (https://github.com/aws/aws-sdk-js-v3/issues/6810). What is stored is authenticated chunk by chunk anyway.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: limits.connectMs,
      socketTimeout: limits.idleMs,
      requestTimeout: limits.callMs,
      throwOnRequestTimeout: true,
    },
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials && { credentials }),
  }
}
