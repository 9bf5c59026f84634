import { isUtf8 } from 'node:buffer'
import { z } from 'zod'
import type { BatchEndpoint } from '../core/batch.ts'
import type { BatchRequest, LineReader, ReadLine } from '../core/batch-line.ts'
import { BrokerError } from '../core/errors.ts'
import { parse as parseJson } from './json-body.ts'
import { sliceField } from './json-field.ts'
import { readResponseRequest, responseRequest } from './response-request.ts'
import { chatCompletionRequest, embeddingsRequest } from './schemas.ts'
import { invalidInput } from './validation.ts'

const maxCustomIdLength = 512
const line = z.looseObject({
  custom_id: z.unknown().optional(),
  method: z.unknown().optional(),
  url: z.unknown().optional(),
  body: z.unknown().optional(),
})
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

/**
 * Reads the lines of a batch's input for one endpoint: `{"custom_id", "method": "POST", "url", "body"}`. `mayUse` tells
 * whether the batch's key may ask for a model. Problems have OpenAI's codes, and never repeat what the line says.
 */
export function createLineReader(endpoint: BatchEndpoint, mayUse: (model: string) => boolean): LineReader {
  return (bytes) => {
    try {
      return { kind: 'request', request: readLine(bytes, endpoint, mayUse) }
    } catch (error) {
      if (error instanceof LineProblem) return { kind: 'problem', problem: error.problem }
      throw error
    }
  }
}

class LineProblem extends Error {
  readonly problem: Extract<ReadLine, { kind: 'problem' }>['problem']

  constructor(code: string, message: string, param: string | null = null) {
    super(message)
    this.problem = { code, message, param }
  }
}

function readLine(bytes: Buffer, endpoint: BatchEndpoint, mayUse: (model: string) => boolean): BatchRequest {
  const { text, value } = parseLine(bytes)
  const parsed = line.safeParse(value)
  if (!parsed.success) throw new LineProblem('invalid_json_line', 'This line is not a JSON object.')
  const { custom_id: customId, method, url, body } = parsed.data
  if (customId === undefined) throw missing('custom_id')
  if (typeof customId !== 'string' || customId === '' || customId.length > maxCustomIdLength) {
    const message = `The custom_id must be a text of 1 to ${maxCustomIdLength} characters.`
    throw new LineProblem('invalid_custom_id', message, 'custom_id')
  }
  if (method === undefined) throw missing('method')
  if (method !== 'POST') throw new LineProblem('invalid_method', 'The method must be POST.', 'method')
  if (url === undefined) throw missing('url')
  if (url !== endpoint) {
    throw new LineProblem('invalid_url', `The url must be the endpoint of the batch, ${endpoint}.`, 'url')
  }
  if (body === undefined) throw missing('body')
  const { model, response } = readBody(body, endpoint)
  if (!mayUse(model)) {
    throw new LineProblem(
      'model_not_found',
      'No such model for this key; GET /v1/models lists those that there are.',
      'body.model',
    )
  }
  // As it was written: numbers that JavaScript cannot hold would lose digits.
  return { customId, model, bodyJson: sliceField(text, 'body'), ...(response && { response }) }
}

function parseLine(bytes: Buffer): { text: string; value: unknown } {
  const unmarked = bytes.subarray(0, byteOrderMark.length).equals(byteOrderMark)
    ? bytes.subarray(byteOrderMark.length)
    : bytes
  if (!isUtf8(unmarked)) throw new LineProblem('invalid_json_line', 'This line is not valid UTF-8.')
  const text = unmarked.toString('utf8')
  try {
    return { text, value: parseJson(text) }
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error
    throw new LineProblem('invalid_json_line', error.message.replace('The body', 'This line'))
  }
}

/** What the body must be like to be run: the model that it asks for, and, of one for a response, the rest. */
function readBody(body: unknown, endpoint: BatchEndpoint): Pick<BatchRequest, 'model' | 'response'> {
  if (endpoint === '/v1/responses') return readResponseBody(body)
  if (endpoint === '/v1/embeddings') return { model: check(embeddingsRequest, body).model }
  const { model, stream } = check(chatCompletionRequest, body)
  if (stream === true) throw new LineProblem('invalid_request', 'Answers of a batch do not stream.', 'body.stream')
  return { model }
}

function readResponseBody(body: unknown): Pick<BatchRequest, 'model' | 'response'> {
  const request = check(responseRequest, body)
  for (const field of ['stream', 'background'] as const) {
    if (request[field] !== true) continue
    throw new LineProblem('invalid_request', `In a batch ${field} is not allowed.`, `body.${field}`)
  }
  try {
    return { model: request.model, response: readResponseRequest(request) }
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error
    throw new LineProblem('invalid_request', error.message, error.param && `body.${error.param}`)
  }
}

function check<Body>(schema: z.ZodType<Body>, body: unknown): Body {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const { message, param } = invalidInput(parsed.error, { noun: 'field', parent: ['body'] })
  throw new LineProblem('invalid_request', message, param)
}

function missing(field: string): LineProblem {
  return new LineProblem('missing_required_parameter', `The field ${field} is missing.`, field)
}
