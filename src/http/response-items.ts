import { z } from 'zod'
import type { InputItem, ItemReference } from '../core/responses/items.ts'
import { closedObject } from './schemas.ts'
import { invalidInput } from './validation.ts'

/** What only OpenAI's own servers can do. Nothing is no wish: clients send null for it. */
export const unsupported = z.null({ error: 'not supported here' }).optional()

const id = z.string().min(1).max(200).nullish()
const status = z.enum(['in_progress', 'completed', 'incomplete']).nullish()
const marks = { prompt_cache_breakpoint: unsupported }

const inputText = closedObject({ type: z.literal('input_text'), text: z.string(), ...marks })
const outputText = closedObject({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.looseObject({})).nullish(),
  logprobs: z.array(z.looseObject({})).nullish(),
})
const refusal = closedObject({ type: z.literal('refusal'), refusal: z.string() })
const inputImage = closedObject({
  type: z.literal('input_image'),
  image_url: z.string({ error: 'expected a link or a data URL; file_id is not supported here' }).min(1),
  detail: z.enum(['auto', 'low', 'high']).nullish(),
  file_id: unsupported,
  ...marks,
})
const inputFile = closedObject({
  type: z.literal('input_file'),
  file_data: z.string({ error: 'expected a data URL; file_id and file_url are not supported here' }).min(1),
  filename: z.string().nullish(),
  file_id: unsupported,
  file_url: unsupported,
  detail: unsupported,
  ...marks,
})
const inputAudio = closedObject({
  type: z.literal('input_audio'),
  input_audio: closedObject({ data: z.string().min(1), format: z.enum(['mp3', 'wav']) }),
  ...marks,
})

const partRule = (types: string) => ({ error: `expected a part of type ${types}` })
const givenParts = z.discriminatedUnion(
  'type',
  [inputText, inputImage, inputFile, inputAudio],
  partRule('input_text, input_image, input_file or input_audio'),
)
const writtenParts = z.discriminatedUnion(
  'type',
  [outputText, refusal, inputText],
  partRule('output_text, refusal or input_text'),
)

const messageFields = { type: z.literal('message').nullish(), id, status, phase: unsupported }
const contentRule = { error: 'expected a text or a list of parts' }

const schemas = {
  message: closedObject({
    ...messageFields,
    role: z.enum(['user', 'system', 'developer', 'assistant']),
    content: z.union([z.string(), z.array(givenParts)], contentRule),
  }),
  answer: closedObject({
    ...messageFields,
    role: z.literal('assistant'),
    content: z.union([z.string(), z.array(writtenParts)], contentRule),
  }),
  function_call: closedObject({
    type: z.literal('function_call'),
    id,
    status,
    call_id: z.string().min(1).max(200),
    name: z.string().min(1).max(200),
    arguments: z.string(),
    namespace: unsupported,
    caller: unsupported,
  }),
  function_call_output: closedObject({
    type: z.literal('function_call_output'),
    id,
    status,
    call_id: z.string().min(1).max(200),
    output: z.union([z.string(), z.array(inputText)], { error: 'expected a text or a list of input_text parts' }),
    name: unsupported,
    namespace: unsupported,
    caller: unsupported,
  }),
  reasoning: closedObject({
    type: z.literal('reasoning'),
    id,
    status,
    summary: z.array(closedObject({ type: z.literal('summary_text'), text: z.string() })),
    content: z.array(closedObject({ type: z.literal('reasoning_text'), text: z.string() })).nullish(),
    encrypted_content: unsupported,
  }),
  item_reference: closedObject({ type: z.literal('item_reference').nullish(), id: z.string().min(1).max(200) }),
} as const

type Item = InputItem | ItemReference
type RawItem = Readonly<Record<string, unknown>>

/** The items of a request's input. @throws BrokerError `invalid_request`, naming the field: `input[2].content[0].type` */
export function readItems(items: readonly RawItem[]): Item[] {
  return items.map((item, index) => {
    const parent = ['input', index]
    const name = kindOf(item)
    if (!name) throw invalidInput(unknownType.safeParse(item).error ?? new z.ZodError([]), { noun: 'field', parent })
    const parsed = schemas[name].safeParse(item)
    if (!parsed.success) throw invalidInput(parsed.error, { noun: 'field', parent })
    // A message and a reference may leave their types out.
    return { ...parsed.data, type: name === 'answer' ? 'message' : name } as Item
  })
}

function kindOf({ type, role, id: reference }: RawItem): keyof typeof schemas | null {
  if (type === 'message' || ((type === undefined || type === null) && role !== undefined)) {
    return role === 'assistant' ? 'answer' : 'message'
  }
  if ((type === undefined || type === null) && typeof reference === 'string') return 'item_reference'
  const known = ['function_call', 'function_call_output', 'reasoning', 'item_reference'] as const
  return known.find((name) => name === type) ?? null
}

const unknownType = z.object({
  type: z.never({
    error:
      'expected message, function_call, function_call_output, reasoning or item_reference; others are not supported here',
  }),
})
