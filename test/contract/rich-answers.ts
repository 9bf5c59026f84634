/** Answers of OpenAI's own models with what few requests ask for: field names are those of its API reference. */
const head = { id: 'chatcmpl-rich', created: 1_760_000_000, model: 'gpt-rich', system_fingerprint: 'fp_1' }
const usage = {
  prompt_tokens: 12,
  completion_tokens: 8,
  total_tokens: 20,
  prompt_tokens_details: { cached_tokens: 4, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 2,
    audio_tokens: 0,
    accepted_prediction_tokens: 1,
    rejected_prediction_tokens: 0,
  },
}
const token = { token: 'Hi', logprob: -0.1, bytes: [72, 105] }
const logprobs = { content: [{ ...token, top_logprobs: [{ ...token, bytes: null }] }], refusal: null }
const refusalLogprobs = { content: null, refusal: [{ ...token, top_logprobs: [] }] }
const annotations = [
  {
    type: 'url_citation',
    url_citation: { start_index: 0, end_index: 2, url: 'https://example.com/a', title: 'A page' },
  },
]

interface Choice {
  readonly message: object
  /** The deltas of the same in a stream; in one piece unless given. */
  readonly deltas?: readonly object[]
  readonly logprobs?: object
  readonly finish?: string
}

interface RichAnswer {
  readonly waiting: string
  readonly stream: string
}

function answerOf(...choices: readonly Choice[]): RichAnswer {
  const chunk = (fields: object) =>
    `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', usage: null, obfuscation: 'x7', ...fields })}\n\n`
  const deltas = choices.flatMap(({ message, deltas = [message], logprobs = null, finish = 'stop' }, index) => [
    chunk({ choices: [{ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }] }),
    ...deltas.map((delta) => chunk({ choices: [{ index, delta, logprobs, finish_reason: null }] })),
    chunk({ choices: [{ index, delta: {}, logprobs: null, finish_reason: finish }] }),
  ])
  const waiting = {
    ...head,
    object: 'chat.completion',
    service_tier: 'default',
    usage,
    choices: choices.map(({ message, logprobs = null, finish = 'stop' }, index) => ({
      index,
      message: { role: 'assistant', content: null, refusal: null, annotations: [], ...message },
      logprobs,
      finish_reason: finish,
    })),
  }
  return {
    waiting: JSON.stringify(waiting),
    stream: `${deltas.join('')}${chunk({ choices: [], usage })}data: [DONE]\n\n`,
  }
}

const called = { name: 'get_weather', arguments: '{"city":"Oslo"}' }

export const richAnswers: Readonly<Record<string, RichAnswer>> = {
  'two-choices': answerOf({ message: { content: 'Hi' }, logprobs }, { message: { content: 'Ho' }, finish: 'length' }),
  refusal: answerOf({ message: { refusal: 'I won’t.' }, logprobs: refusalLogprobs }),
  citations: answerOf({ message: { content: 'Hi', annotations }, deltas: [{ content: 'Hi' }, { annotations }] }),
  'legacy-call': answerOf({
    message: { function_call: called },
    deltas: [
      { function_call: { name: called.name, arguments: '' } },
      { function_call: { arguments: called.arguments } },
    ],
    finish: 'function_call',
  }),
  'custom-tool': answerOf({
    message: { tool_calls: [{ id: 'call_1', type: 'custom', custom: { name: 'sql', input: 'SELECT 1' } }] },
    finish: 'tool_calls',
  }),
  audio: answerOf({
    message: { audio: { id: 'audio_1', expires_at: 1_760_003_600, data: 'UklGRg==', transcript: 'Hi' } },
  }),
  filtered: answerOf({ message: { content: 'Hi' }, finish: 'content_filter' }),
}
