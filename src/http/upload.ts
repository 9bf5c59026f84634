import type { FastifyRequest } from 'fastify'
import { BrokerError } from '../core/errors.ts'
import { maxFileBytes, type StoredFile } from '../core/file.ts'
import type { FileDeps } from '../pipeline/read-file.ts'
import { Upload } from '../pipeline/store-file.ts'
import { uploadFields } from './batch-schemas.ts'
import { invalidInput } from './validation.ts'

export interface UploadDeps extends FileDeps {
  /** How long files are kept that name no time, in milliseconds. */
  readonly fileRetentionMs: number
  readonly now: () => number
}

const maxNameLength = 255
const maxFieldBytes = 1_024
const maxFields = 10

/** Receives a file that comes as a form, in pieces as they come. @throws BrokerError */
export async function receiveUpload(request: FastifyRequest, deps: UploadDeps): Promise<StoredFile> {
  if (!request.isMultipart()) {
    throw new BrokerError('unsupported_media_type', 'The body must be multipart/form-data.')
  }
  const upload = new Upload(deps)
  let isKept = false
  try {
    const { filename, fields } = await readForm(request, upload)
    const nowMs = deps.now()
    const { purpose, expires_after: expires } = fields
    // OpenAI's clients may ask for longer than the operator wants to keep anything.
    const ttlMs = Math.min(expires ? expires.seconds * 1000 : Number.POSITIVE_INFINITY, deps.fileRetentionMs)
    const stored = await upload.keep({ tenant: request.tenant.name, filename, purpose, ttlMs }, nowMs)
    isKept = true
    return stored
  } finally {
    if (!isKept) {
      // What is still on its way would keep the next request on its connection waiting for ever.
      request.raw.unpipe().resume()
      await upload.discard()
    }
  }
}

async function readForm(request: FastifyRequest, upload: Upload) {
  const limits = { fileSize: maxFileBytes, files: 1, fields: maxFields, fieldSize: maxFieldBytes }
  const values: Record<string, unknown> = {}
  let filename: string | null = null
  try {
    for await (const part of request.parts({ limits })) {
      if (part.type === 'field') {
        values[part.fieldname] = part.value
        continue
      }
      if (part.fieldname !== 'file') throw invalid('file', 'expected the file in the field `file`')
      await upload.receive(part.file)
      if (part.file.truncated) throw tooLarge()
      filename = (part.filename || 'upload.jsonl').slice(0, maxNameLength)
    }
  } catch (error) {
    throw translate(error)
  }
  if (filename === null) throw invalid('file', 'expected a file')
  return { filename, fields: readFields(values) }
}

/** `expires_after[seconds]` is how clients write what is an object in JSON. */
function readFields(values: Readonly<Record<string, unknown>>) {
  const anchor = values['expires_after[anchor]']
  const seconds = values['expires_after[seconds]']
  const expires = anchor === undefined && seconds === undefined ? undefined : { anchor, seconds }
  const parsed = uploadFields.safeParse({ purpose: values.purpose, expires_after: expires })
  if (parsed.success) return parsed.data
  throw invalidInput(parsed.error, { noun: 'field', parent: [] })
}

/** What a form can do wrong. */
function translate(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof BrokerError) return error
  const { code, statusCode } = error as { code?: string; statusCode?: number }
  if (code === 'FST_REQ_FILE_TOO_LARGE') return tooLarge()
  if (code === 'FST_FILES_LIMIT') return invalid('file', 'expected one file')
  if (code === 'FST_FIELDS_LIMIT' || code === 'FST_PARTS_LIMIT') {
    return new BrokerError('invalid_request', `The form has more than ${maxFields} fields.`)
  }
  const isOfForm = typeof statusCode === 'number' && statusCode < 500
  if (isOfForm || /multipart|form|boundary/i.test(error.message)) {
    return new BrokerError('invalid_request', 'The body is not a valid form.', { cause: error })
  }
  return error
}

function tooLarge(): BrokerError {
  const message = `The file is larger than ${maxFileBytes / 1024 / 1024} MiB.`
  return new BrokerError('body_too_large', message, { param: 'file' })
}

function invalid(param: string, rule: string): BrokerError {
  return new BrokerError('invalid_request', `Invalid field ${param}: ${rule}.`, { param })
}
