/** Streams of Bedrock's, which are binary: written here instead of kept in files. */
import { eventFrame } from '../support/aws-event-stream.ts'

/** `p` is padding, so that the lengths of pieces do not tell what they are. */
export const delta = (contentBlockIndex: number, given: object) =>
  eventFrame('contentBlockDelta', { contentBlockIndex, delta: given, p: 'abcdefghij' })

const ending = (stopReason: string, usage: object) => [
  eventFrame('messageStop', { p: 'abcd', stopReason }),
  eventFrame('metadata', { metrics: { latencyMs: 1_275 }, p: 'abc', usage }),
]

export const beginning = Buffer.concat([
  eventFrame('messageStart', { p: 'abcdefgh', role: 'assistant' }),
  delta(0, { text: 'Grüße' }),
  delta(0, { text: ' aus' }),
])

export const stream = Buffer.concat([
  beginning,
  delta(0, { text: ' 東京 👩‍🚀: "ok"\ndone.' }),
  eventFrame('contentBlockStop', { contentBlockIndex: 0, p: 'abcdefghijk' }),
  ...ending('end_turn', { cacheReadInputTokens: 6, inputTokens: 20, outputTokens: 11, totalTokens: 37 }),
])

export const shortStream = Buffer.concat([
  delta(0, { text: 'Zü👩‍🚀' }),
  ...ending('end_turn', { inputTokens: 5, outputTokens: 2, totalTokens: 7 }),
])

const toolUse = (contentBlockIndex: number, name: string, toolUseId: string) =>
  eventFrame('contentBlockStart', { contentBlockIndex, start: { toolUse: { name, toolUseId } } })

export const streamToolCalls = Buffer.concat([
  eventFrame('messageStart', { role: 'assistant' }),
  toolUse(0, 'get_weather', 'tooluse_hbTgdi0CSLq_hM4P8csZJA'),
  delta(0, { toolUse: { input: '' } }),
  delta(0, { toolUse: { input: '{"city":' } }),
  delta(0, { toolUse: { input: '"Zürich"}' } }),
  eventFrame('contentBlockStop', { contentBlockIndex: 0 }),
  toolUse(1, 'get_time', 'tooluse_kZJMlvQmRJ6eAyJE5GIl7Q'),
  delta(1, { toolUse: { input: '{"zone":"CET"}' } }),
  eventFrame('contentBlockStop', { contentBlockIndex: 1 }),
  ...ending('tool_use', { inputTokens: 487, outputTokens: 65, totalTokens: 552 }),
])
