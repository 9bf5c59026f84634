import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChatAssembler, readTokenUsage } from '../../src/core/chat-assembler.ts'
import { ProviderError } from '../../src/core/provider.ts'

function assemble(...chunks: object[]): ChatAssembler {
  const assembler = new ChatAssembler()
  for (const chunk of chunks) assembler.add(JSON.stringify(chunk))
  return assembler
}

function completionOf(...chunks: object[]) {
  return JSON.parse(assemble(...chunks).completionJson())
}

const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 7, model: 'm' }

function delta(fields: object, finish_reason: string | null = null, index = 0): object {
  return { ...head, choices: [{ index, delta: fields, finish_reason, logprobs: null }] }
}

describe('the chat assembler', () => {
  it('builds the body that would have come without streaming', () => {
    const read = (name: string) => readFileSync(new URL(`../fixtures/openai/${name}`, import.meta.url), 'utf8')
    const assembler = new ChatAssembler()
    for (const record of read('stream.sse').split('\n\n')) {
      if (record.startsWith('data: {')) assembler.add(record.slice('data: '.length))
    }
    const built = JSON.parse(assembler.completionJson())
    const { annotations: _, ...message } = JSON.parse(read('waiting.json')).choices[0].message
    expect(built).toMatchObject({
      object: 'chat.completion',
      service_tier: 'default',
      system_fingerprint: 'fp_560af6e559',
      usage: JSON.parse(read('waiting.json')).usage,
    })
    expect(built.choices).toEqual([{ index: 0, message, logprobs: null, finish_reason: 'stop' }])
    expect(built).not.toHaveProperty('obfuscation')
    expect(assembler.text).toBe(message.content)
    expect(assembler.usage).toMatchObject({ prompt_tokens: 19, completion_tokens: 11, total_tokens: 30 })
  })

  it('appends content, refusal and reasoning, each on its own', () => {
    const built = completionOf(
      delta({ role: 'assistant', content: '' }),
      delta({ reasoning_content: 'Let me ' }),
      delta({ reasoning_content: 'see.' }),
      delta({ content: 'I ' }),
      delta({ refusal: 'can' }),
      delta({ content: 'am' }),
      delta({ refusal: 'not' }, 'stop'),
    )
    expect(built.choices[0].message).toEqual({
      role: 'assistant',
      content: 'I am',
      refusal: 'cannot',
      reasoning_content: 'Let me see.',
    })
  })

  it('puts tool calls together by index, however their pieces are mixed', () => {
    const built = completionOf(
      delta({ role: 'assistant', content: '' }),
      delta({ tool_calls: [{ index: 1, id: 'b', type: 'function', function: { name: 'g', arguments: '' } }] }),
      delta({ tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '{"x"' } }] }),
      delta({
        tool_calls: [
          { index: 1, function: { arguments: '{}' } },
          { index: 0, function: { arguments: ':1}' } },
        ],
      }),
      delta({}, 'tool_calls'),
    )
    expect(built.choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } })
    expect(built.choices[0].message.tool_calls).toEqual([
      { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } },
      { id: 'b', type: 'function', function: { name: 'g', arguments: '{}' } },
    ])
  })

  it('tells tool calls apart by id where there is no index', () => {
    const built = completionOf(
      delta({ tool_calls: [{ id: 'a', function: { name: 'f', arguments: '{"x"' } }] }),
      delta({ tool_calls: [{ function: { arguments: ':1}' } }] }),
      delta({ tool_calls: [{ id: 'b', function: { name: 'g', arguments: '{}' } }] }),
    )
    expect(built.choices[0].message.tool_calls).toMatchObject([
      { id: 'a', function: { arguments: '{"x":1}' } },
      { id: 'b', function: { arguments: '{}' } },
    ])
  })

  it('takes the name of a tool once, though an upstream repeats it', () => {
    const piece = (text: string) =>
      delta({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: text } }] })
    expect(completionOf(piece('{'), piece('}')).choices[0].message.tool_calls).toEqual([
      { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } },
    ])
  })

  it('puts a function call of the old kind together', () => {
    const built = completionOf(
      delta({ function_call: { name: 'f', arguments: '{' } }),
      delta({ function_call: { arguments: '}' } }, 'function_call'),
    )
    expect(built.choices[0].message.function_call).toEqual({ name: 'f', arguments: '{}' })
  })

  it('keeps several choices apart and puts them into order', () => {
    const built = completionOf(
      delta({ role: 'assistant', content: 'B' }, null, 1),
      delta({ role: 'assistant', content: 'A' }, null, 0),
      delta({ content: 'b' }, 'length', 1),
      delta({ content: 'a' }, 'stop', 0),
    )
    expect(built.choices).toMatchObject([
      { index: 0, message: { content: 'Aa' }, finish_reason: 'stop' },
      { index: 1, message: { content: 'Bb' }, finish_reason: 'length' },
    ])
  })

  it('appends logprobs', () => {
    const withLogprobs = (token: string) => ({
      ...head,
      choices: [{ index: 0, delta: { content: token }, logprobs: { content: [{ token }], refusal: null } }],
    })
    expect(completionOf(withLogprobs('a'), withLogprobs('b')).choices[0].logprobs).toEqual({
      content: [{ token: 'a' }, { token: 'b' }],
      refusal: null,
    })
  })

  it('keeps what it does not know, wherever it stands', () => {
    const built = completionOf(
      { ...head, provider: 'X', choices: [{ index: 0, delta: { content: 'a', citations: [1] }, native_reason: null }] },
      { ...head, provider: null, choices: [{ index: 0, delta: { citations: [2] }, native_reason: 'eos' }] },
      JSON.parse('{"choices":[{"index":0,"delta":{"__proto__":{"polluted":true}}}],"__proto__":"top"}'),
    )
    expect(built).toMatchObject({ provider: 'X', choices: [{ native_reason: 'eos', message: { citations: [1, 2] } }] })
    expect(Object.getOwnPropertyDescriptor(built, '__proto__')?.value).toBe('top')
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  it('keeps the id and the model of the first chunk, though an upstream changes them', () => {
    const later = { id: 'chatcmpl-2', created: 9, model: 'm2', choices: [] }
    expect(completionOf(delta({ content: 'a' }), later)).toMatchObject({ id: 'chatcmpl-1', created: 7, model: 'm' })
  })

  it('has neither text nor usage before the first chunk, and says null where nothing finished', () => {
    const assembler = new ChatAssembler()
    expect([assembler.text, assembler.usage]).toEqual(['', null])
    expect(completionOf(delta({ content: 'half' })).choices[0].finish_reason).toBeNull()
  })

  it.each(['', '[DONE]', 'secret', '[]', '"secret"', 'null'])('refuses %j without quoting it', (text) => {
    const add = () => new ChatAssembler().add(text)
    expect(add).toThrow(ProviderError)
    try {
      add()
    } catch (error) {
      expect(inspect(error)).not.toContain('secret')
    }
  })

  it('ignores what has the wrong shape inside a chunk', () => {
    const built = completionOf(
      { ...head, choices: 'none' },
      { ...head, choices: [1, { delta: 1 }, { delta: { tool_calls: [1, {}], function_call: 'f', content: 'a' } }] },
      delta({ content: 'b', tool_calls: 'none' }, 'stop'),
    )
    expect(built.choices[0]).toMatchObject({ message: { content: 'ab' }, finish_reason: 'stop' })
  })

  it('says the same as one piece, into however many pieces a text is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.array(fc.string()), (contents, args) => {
        const assembler = assemble(
          delta({ role: 'assistant', content: '' }),
          ...contents.map((content) => delta({ content })),
          ...args.map((text) =>
            delta({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: text } }] }),
          ),
        )
        const { message } = JSON.parse(assembler.completionJson()).choices[0]
        expect(assembler.text).toBe(contents.join(''))
        expect(message.content ?? '').toBe(contents.join(''))
        expect(message.tool_calls?.[0].function.arguments ?? '').toBe(args.join(''))
      }),
    )
  })
})

describe('the characters that the model has written', () => {
  it('are those of content, reasoning, refusals and arguments, over all choices', () => {
    const call = { index: 0, id: 'call_123', type: 'function', function: { name: 'add', arguments: '{"a":1}' } }
    const assembler = assemble(
      delta({ role: 'assistant', content: '' }),
      delta({ reasoning_content: 'hmm' }),
      delta({ content: 'four' }, null, 1),
      delta({ refusal: 'no' }),
      delta({ tool_calls: [call] }),
      delta({}, 'stop'),
    )
    expect(assembler.writtenCharacters).toBe('hmm'.length + 'four'.length + 'no'.length + 'add{"a":1}'.length)
  })

  it('are none before anything was said', () => {
    expect(assemble(delta({ role: 'assistant', content: '' }), delta({ content: null })).writtenCharacters).toBe(0)
  })
})

describe('token usage', () => {
  it.each([
    [
      { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
      { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
    ],
    [
      { prompt_tokens: 1, completion_tokens: 2 },
      { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
    ],
    [{ prompt_tokens: 1 }, { prompt_tokens: 1, completion_tokens: 0, total_tokens: 1 }],
    [{ prompt_tokens: 1, completion_tokens: -2 }, null],
    [{ prompt_tokens: 1.5, completion_tokens: 2 }, null],
    [{ prompt_tokens: '1', completion_tokens: 2 }, null],
    [{}, null],
    [null, null],
    [undefined, null],
    ['3', null],
  ])('in %j is %j', (given, expected) => {
    expect(readTokenUsage(given)).toEqual(expected)
  })
})
