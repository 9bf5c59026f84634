import type { Shape, Treatment } from './json-walk.ts'

/** Fields of the protocol's whose values are text; only their names are known not to be. */
function texts(...names: readonly string[]): Record<string, Treatment> {
  return Object.fromEntries(names.map((name): [string, Treatment] => [name, 'text']))
}

/** Numbers of a JSON schema that bound values and are none. Zod writes 9007199254740991 for "any integer". */
const bounds = Object.fromEntries(
  [
    ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength'],
    ...['minItems', 'maxItems', 'minProperties', 'maxProperties', 'minContains', 'maxContains'],
  ].map((name): [string, Treatment] => [name, 'label']),
)
const schemaFields: Record<string, Treatment> = {
  ...bounds,
  ...texts('title', 'description', 'default', 'enum', 'const', 'examples', 'pattern', 'strict'),
  required: 'word',
  type: 'keep',
  format: 'keep',
  $ref: 'keep',
  $schema: 'keep',
}
/** A JSON schema: descriptions, defaults, examples, enums and the names of properties are text. */
const schema: Shape = { fields: schemaFields }
/** Providers allow letters, digits, `_`, `.` and `-` in the names of properties. */
const schemasByName: Shape = { fields: {}, others: schema, keys: 'word' }
for (const field of ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']) {
  schemaFields[field] = schemasByName
}
for (const field of ['items', 'prefixItems', 'anyOf', 'oneOf', 'allOf', 'not', 'additionalProperties', 'contains']) {
  schemaFields[field] = schema
}

const called: Shape = { fields: { name: 'keep', arguments: 'json' } }
const named: Shape = { fields: { name: 'keep', ...texts('input', 'description', 'format') } }
/** What a vendor signs a model's thoughts with: its own, and worth nothing when changed. */
const signed: Shape = { fields: { google: { fields: { thought_signature: 'keep' } } } }
const thoughts: Shape = { fields: { type: 'keep', ...texts('thinking'), signature: 'keep', data: 'keep' } }
const cacheMark: Shape = { fields: { type: 'keep', ttl: 'keep' } }
const callFields = { id: 'keep', type: 'keep', index: 'keep', function: called, custom: named } as const
const call: Shape = { fields: { ...callFields, extra_content: signed } }
const described: Shape = { fields: { name: 'keep', ...texts('description', 'strict'), parameters: schema } }
const tool: Shape = { fields: { type: 'keep', function: described, custom: named, cache_control: cacheMark } }

/** A picture, sound or file in a message. Where the protocol has an object, some servers take the link alone. */
const image: Shape = { fields: { url: 'image', detail: 'keep' }, literal: 'image' }
const part: Shape = {
  fields: {
    type: 'keep',
    ...texts('text', 'refusal'),
    cache_control: cacheMark,
    image_url: image,
    video_url: { fields: { url: 'file' }, literal: 'file' },
    audio_url: { fields: { url: 'audio' }, literal: 'audio' },
    input_audio: { fields: { data: 'audio', format: 'keep' }, literal: 'audio' },
    file: { fields: { file_data: 'file', file_id: 'file', ...texts('filename') }, literal: 'file' },
  },
}
const message: Shape = {
  fields: {
    role: 'keep',
    ...texts('refusal', 'reasoning_content', 'reasoning'),
    thinking_blocks: thoughts,
    extra_content: signed,
    cache_control: cacheMark,
    name: 'word',
    content: part,
    audio: { fields: { id: 'audio' } },
    tool_call_id: 'keep',
    tool_calls: call,
    function_call: called,
  },
}

/** Numbers that set how a model answers. */
const settings = Object.fromEntries(
  [
    ...['temperature', 'top_p', 'top_k', 'min_p', 'n', 'seed', 'max_tokens', 'max_completion_tokens', 'dimensions'],
    ...['presence_penalty', 'frequency_penalty', 'repetition_penalty', 'top_logprobs', 'num_ctx', 'num_predict'],
  ].map((name): [string, Treatment] => [name, 'label']),
)

/** OpenAI's chat-completions request: platform.openai.com/docs/api-reference/chat/create. */
export const chatRequest: Shape = {
  fields: {
    ...settings,
    ...texts('user', 'metadata', 'stop', 'prediction', 'safety_identifier', 'prompt_cache_key', 'modalities', 'audio'),
    ...texts('stream', 'stream_options', 'logprobs', 'parallel_tool_calls', 'store', 'verbosity', 'web_search_options'),
    model: 'keep',
    messages: message,
    tools: tool,
    tool_choice: {
      fields: { ...tool.fields, allowed_tools: { fields: { mode: 'keep', tools: tool } } },
      literal: 'keep',
    },
    functions: described,
    function_call: { ...called, literal: 'keep' },
    response_format: {
      fields: { type: 'keep', json_schema: { fields: { name: 'keep', ...texts('description', 'strict'), schema } } },
    },
    reasoning_effort: 'keep',
    service_tier: 'keep',
    logit_bias: 'opaque',
  },
}

/** OpenAI's embeddings request: platform.openai.com/docs/api-reference/embeddings/create. A list of tokens is no text. */
export const embeddingsRequest: Shape = {
  fields: { ...settings, ...texts('user'), model: 'keep', input: 'tokens', encoding_format: 'keep' },
}

const answerMessage: Shape = {
  fields: {
    role: 'keep',
    ...texts('content', 'refusal', 'reasoning_content', 'reasoning', 'annotations'),
    thinking_blocks: thoughts,
    extra_content: signed,
    tool_calls: call,
    function_call: called,
    audio: { fields: { id: 'keep', data: 'keep', expires_at: 'keep' } },
  },
}
/** OpenAI's chat completion: platform.openai.com/docs/api-reference/chat/object. */
export const chatAnswer: Shape = {
  fields: {
    ...{ id: 'keep', object: 'keep', created: 'keep', model: 'keep', system_fingerprint: 'keep', usage: 'opaque' },
    service_tier: 'keep',
    choices: { fields: { index: 'keep', finish_reason: 'keep', logprobs: 'opaque', message: answerMessage } },
  },
}
