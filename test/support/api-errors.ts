import { expect } from 'vitest'
import { z } from 'zod'

/** OpenAI's error shape: four keys, no more and no less. */
const errorShape = z.strictObject({
  error: z.strictObject({
    message: z.string().min(1),
    type: z.enum(['invalid_request_error', 'rate_limit_error', 'server_error', 'policy_error', 'insufficient_quota']),
    code: z.string().min(1),
    param: z.string().nullable(),
  }),
})

export interface ExpectedError {
  readonly status: number
  readonly code: string
  readonly param?: string | null
  /** What the message must say, such as what is allowed. */
  readonly message?: RegExp
}

/** Checks that an answer is an error of the contract, and which. Returns its message. */
export async function expectApiError(response: Response, expected: ExpectedError): Promise<string> {
  const text = await response.text()
  const { error } = expectErrorShape(text)
  expect({ status: response.status, code: error.code, param: error.param }, text).toEqual({
    status: expected.status,
    code: expected.code,
    param: expected.param ?? null,
  })
  expect(response.headers.get('content-type')).toMatch(/^application\/json/)
  expect(response.headers.get('x-request-id')).toMatch(/^req_/)
  if (expected.message) expect(error.message).toMatch(expected.message)
  return error.message
}

export function expectErrorShape(text: string): z.infer<typeof errorShape> {
  const parsed = errorShape.safeParse(JSON.parse(text))
  expect(parsed.error?.issues ?? [], text).toEqual([])
  return errorShape.parse(parsed.data)
}
