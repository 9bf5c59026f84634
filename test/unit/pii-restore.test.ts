import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { restoreJson, restoreText } from '../../src/core/pii/restore.ts'
import { ChunkRestorer } from '../../src/core/pii/restore-stream.ts'

const vault = new Map([
  ['<EMAIL_1>', 'ada@example.com'],
  ['<EMAIL_10>', 'bob@example.com'],
  ['<CREDIT_CARD_1>', '4111 1111 1111 1111'],
  ['<PHONE_1>', 'says "no" \\ or\nyes'],
  ['<SECRET_1>', 'a "quoted" \\ key\nin two lines'],
])

describe('restoring a text', () => {
  it.each([
    ['<EMAIL_1>', 'ada@example.com'],
    ['<email_1>', 'ada@example.com'],
    ['< EMAIL_1 >', 'ada@example.com'],
    ['<EMAIL 1>', 'ada@example.com'],
    ['<credit card 1>', '4111 1111 1111 1111'],
    ['<CREDIT-CARD-1>', '4111 1111 1111 1111'],
    ['<CREDIT_CARD>', '4111 1111 1111 1111'],
    ['< CREDIT CARD >', '4111 1111 1111 1111'],
    ['&lt;CREDIT_CARD&gt;', '4111 1111 1111 1111'],
    ['<EMAIL_1/>', 'ada@example.com'],
    ['\\<EMAIL\\_1\\>', 'ada@example.com'],
    ['\\<CREDIT\\_CARD\\_1\\>', '4111 1111 1111 1111'],
    ['EMAIL\\_1', 'ada@example.com'],
    ['**<EMAIL_1>**', '**ada@example.com**'],
    ['**EMAIL_1**', '**ada@example.com**'],
    ['`EMAIL_1`', '`ada@example.com`'],
    ['＜EMAIL_1＞', 'ada@example.com'],
    ['〈email_1〉', 'ada@example.com'],
    ["<EMAIL_1>'s", "ada@example.com's"],
    ['C:\\Users\\<EMAIL_1>\\x', 'C:\\Users\\ada@example.com\\x'],
    ['\\u003cEMAIL_1\\u003e', 'ada@example.com'],
    ['\\u003CEMAIL_1\\u003E', 'ada@example.com'],
    ['&lt;EMAIL_1&gt;', 'ada@example.com'],
    ['EMAIL_1.', 'ada@example.com.'],
    ['是EMAIL_1的', '是ada@example.com的'],
    ['<EMAIL_1', '<ada@example.com'],
    ['<<EMAIL_1>>', '<ada@example.com>'],
    ['<EMAIL_1><EMAIL_10>', 'ada@example.combob@example.com'],
    ['<EMAIL_10>', 'bob@example.com'],
    ['EMAIL_10', 'bob@example.com'],
  ])('turns %j into %j', (text, expected) => {
    expect(restoreText(text, vault)).toBe(expected)
  })

  it.each([
    '<EMAIL_2>',
    'EMAIL_100',
    '<EMAIL_100>',
    'MY_EMAIL_1',
    'EMAIL_1x',
    'email_1',
    '<EMAIL_01>',
    '<EMAIL>',
    '<credit_card>',
    'CREDIT_CARD',
    '<CREDIT>',
    '\\<EMAIL_2\\>',
    '< <',
  ])('leaves %j', (text) => {
    expect(restoreText(text, vault)).toBe(text)
  })

  it('does not restore what an original says', () => {
    const nested = new Map([
      ['<EMAIL_1>', '<EMAIL_2>'],
      ['<EMAIL_2>', 'ada@example.com'],
    ])
    expect(restoreText('<EMAIL_1>', nested)).toBe('<EMAIL_2>')
  })
})

describe('restoring a JSON document', () => {
  it('returns a document without placeholders as it is', () => {
    const json = '{ "id": 12345678901234567890, "text": "\\u00e9", "sum": 1.50 }'
    expect(restoreJson(json, vault)).toBe(json)
  })

  it('changes nothing but the strings that have placeholders', () => {
    const json = '{ "id": 12345678901234567890, "a": "\\u00e9", "b": "\\u003cEMAIL_1\\u003e", "<EMAIL_10>": 1.50 }'
    expect(restoreJson(json, vault)).toBe(
      '{ "id": 12345678901234567890, "a": "\\u00e9", "b": "ada@example.com", "bob@example.com": 1.50 }',
    )
  })

  it('keeps JSON valid, also the JSON inside strings of it', () => {
    const inner = '{"key":"<PHONE_1>","list":["\\u003cPHONE_1\\u003e","\\\\<PHONE\\\\_1\\\\>"]}'
    const json = JSON.stringify({
      choices: [{ message: { content: inner, tool_calls: [{ function: { name: 'f', arguments: inner } }] } }],
      plain: 'key: <PHONE_1>',
    })
    const restored = JSON.parse(restoreJson(json, vault))
    const key = vault.get('<PHONE_1>')
    const message = restored.choices[0].message
    expect(JSON.parse(message.content)).toEqual({ key, list: [key, key] })
    expect(JSON.parse(message.tool_calls[0].function.arguments)).toEqual({ key, list: [key, key] })
    expect(restored.plain).toBe(`key: ${key}`)
  })

  it('gives back the escapes of a value that was taken from inside JSON', () => {
    const escaped = new Map([['<SECRET_1>', 'line one\\nline two']])
    const json = JSON.stringify({ content: '{"key":"<SECRET_1>"}' })
    expect(JSON.parse(restoreJson(json, escaped)).content).toBe('{"key":"line one\\nline two"}')
  })
})

describe('restoring a stream', () => {
  const piece = fc.constantFrom(
    ...[
      '<EMAIL_1>',
      '<email_10>',
      ' EMAIL_1 ',
      'EMAIL',
      '<',
      '>',
      '_1',
      ' ',
      'a',
      '1',
      'SECRET_1',
      '< EMAIL 1 >',
      'EM',
    ],
    ...['\\', '\\n', '\\u003c', '&lt;', '&', 'EMAIL_1', '"', '😀', '<IP 1', '-', '\n', '\\"', '\\\\'],
  )
  const text = fc.array(piece, { maxLength: 10 }).map((pieces) => pieces.join(''))
  const cuts = fc.array(fc.nat(8), { maxLength: 25 })

  it('gives the same text however it is cut, for every field and every choice', () => {
    fc.assert(
      fc.property(text, text, cuts, cuts, (content, refusal, first, second) => {
        const zeros = split(content, first).map((part) => delta(0, { content: part }))
        const ones = split(refusal, second).map((part) => delta(1, { refusal: part, reasoning_content: part }))
        const [zero, one] = streamed([...interleave(zeros, ones), delta(1, {}, 'stop'), delta(0, {}, 'stop')])
        expect(zero?.content ?? '').toBe(restoreText(content, vault))
        expect(one?.refusal ?? '').toBe(restoreText(refusal, vault))
        expect(one?.reasoning_content ?? '').toBe(restoreText(refusal, vault))
      }),
      { numRuns: 1000 },
    )
  })

  it('gives the same tool-call arguments as the whole answer does, and valid JSON', () => {
    const value = fc.constantFrom(
      '<PHONE_1>',
      '<EMAIL_1>\\',
      'EMAIL_10',
      'x\nEMAIL_1',
      '"',
      '<',
      'plain',
      '😀<EMAIL_1>',
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value), { maxLength: 4 }), cuts, fc.boolean(), (pairs, at, escapes) => {
        const json = JSON.stringify(Object.fromEntries(pairs))
        const sent = escapes ? json.replaceAll('<', '\\u003c').replaceAll('>', '\\u003e') : json
        const whole = JSON.parse(restoreJson(JSON.stringify({ arguments: sent }), vault)).arguments
        const chunks = split(sent, at).map((part) =>
          delta(0, { tool_calls: [{ index: 1, function: { arguments: part } }] }),
        )
        const [choice] = streamed([...chunks, delta(0, {}, 'tool_calls')])
        expect(choice?.calls[1] ?? '').toBe(whole)
        const restored = pairs.map((pair) => pair.map((one) => restoreText(one, vault)))
        expect(JSON.parse(whole)).toEqual(Object.fromEntries(restored))
      }),
      { numRuns: 1000 },
    )
  })

  it('gives JSON in an answer the same way as the whole answer does, and keeps it valid', () => {
    const value = fc.constantFrom(
      '<PHONE_1>',
      '<EMAIL_1>\\',
      'EMAIL_10',
      'x\nPHONE_1',
      '"',
      '<',
      'plain',
      '\\<PHONE\\_1\\>',
    )
    const around = fc.constantFrom(['', ''], [' \n', '\n'], ['```json\n', '\n```'], ['', '\n{"a":1}'])
    fc.assert(
      fc.property(fc.array(value, { maxLength: 6 }), around, cuts, (values, [before, after], at) => {
        const json = JSON.stringify({ values })
        const content = before + json + after
        const [choice] = streamed([
          ...split(content, at).map((part) => delta(0, { content: part })),
          delta(0, {}, 'stop'),
        ])
        const whole = JSON.parse(restoreJson(JSON.stringify({ content }), vault)).content as string
        expect(choice?.content ?? '').toBe(whole)
        const inner = whole.slice(before.length, whole.length - restoreText(after, vault).length)
        expect(JSON.parse(inner)).toEqual({ values: values.map((one) => restoreText(one, vault)) })
      }),
      { numRuns: 1000 },
    )
  })

  it('takes no text for JSON that only begins like it', () => {
    const key = vault.get('<PHONE_1>')
    for (const text of ['[note] "<PHONE_1>"', '{name} "<PHONE_1>"', '[1] see "<PHONE_1>"', '"<PHONE_1>"']) {
      expect(restoreText(text, vault)).toBe(text.replace('<PHONE_1>', () => key ?? ''))
    }
  })

  it('restores the function call of the protocol before tool calls', () => {
    const restorer = new ChunkRestorer(vault)
    const parts = ['{"to":"<EMA', 'IL_1', '>","x":"EMAIL_1']
    const chunks = parts.map((part) => delta(0, { function_call: { arguments: part } }))
    const last = delta(0, {}, 'function_call')
    const given = [...chunks, last].map(
      (chunk) => JSON.parse(restorer.restore(chunk)).choices[0].delta.function_call?.arguments,
    )
    expect(given.join('')).toBe('{"to":"ada@example.com","x":"ada@example.com')
  })

  it('gives every piece out at once where no placeholder is open', () => {
    const restorer = new ChunkRestorer(vault)
    for (const part of ['Hello', ' world, ', 'x < y and ', '<EMAIL_2', '> & more', ' E', 'mail']) {
      const chunk = delta(0, { content: part })
      if (part !== '<EMAIL_2' && part !== ' E')
        expect(lengthOf(restorer.restore(chunk))).toBeGreaterThanOrEqual(part.length)
    }
  })

  it('holds back no more than one placeholder', () => {
    fc.assert(
      fc.property(text, cuts, (content, at) => {
        const restorer = new ChunkRestorer(new Map([['<EMAIL_1>', '']]))
        const parts = split(content, at)
        const given = parts.map((part) => lengthOf(restorer.restore(delta(0, { content: part }))))
        const held =
          restoreText(content, new Map([['<EMAIL_1>', '']])).length - given.reduce((sum, one) => sum + one, 0)
        expect(held).toBeLessThanOrEqual('\\u003c  EMAIL_1  \\u003e'.length)
      }),
      { numRuns: 300 },
    )
  })

  it('puts what it holds into the chunk that ends the choice, beside what that chunk brings', () => {
    const restorer = new ChunkRestorer(vault)
    const calls = (part: string) => ({ content: '<EMAIL', tool_calls: [{ index: 0, function: { arguments: part } }] })
    restorer.restore(delta(0, calls('{"a":"<EMA')))
    const last = JSON.parse(restorer.restore(delta(0, { content: '_1>!', refusal: null }, 'length')))
    expect(last.choices[0]).toEqual({
      index: 0,
      delta: {
        content: 'ada@example.com!',
        refusal: null,
        tool_calls: [{ index: 0, function: { arguments: '<EMA' } }],
      },
      finish_reason: 'length',
    })
  })

  it('returns a chunk in which nothing changes sign for sign', () => {
    const restorer = new ChunkRestorer(vault)
    const chunks = [
      '{ "choices": [ {"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null} ] }',
      '{ "choices": [], "usage": {"total_tokens": 12345678901234567890} }',
      '{"choices":[{"index":0,"delta":{"content":"caf\\u00e9 < tea "},"finish_reason":null}]}',
      '{"choices":[{"index":0,"finish_reason":"stop"}]}',
    ]
    expect(chunks.map((chunk) => restorer.restore(chunk))).toEqual(chunks)
    expect(new ChunkRestorer(new Map()).restore('not even JSON')).toBe('not even JSON')
  })
})

describe('secrets', () => {
  const secrets = new Map([
    ['<SECRET_1>', 'sk-1'],
    ['<PASSWORD_1>', 'hunter2'],
    ['<CVV_1>', '123'],
    ['<EMAIL_1>', 'ada@example.com'],
  ])
  const said = '{"a":"<SECRET_1> PASSWORD_1 <cvv_1> <SECRET> <EMAIL_1>"}'
  const kept = '{"a":"<SECRET_1> PASSWORD_1 <cvv_1> <SECRET> ada@example.com"}'
  const shown = '{"a":"sk-1 hunter2 123 sk-1 ada@example.com"}'

  it('come back in what the caller reads and never in what a tool is called with', () => {
    const calls = [{ function: { name: 'f', arguments: said } }, { type: 'custom', custom: { name: 'g', input: said } }]
    const message = { content: said, tool_calls: calls, function_call: { name: 'f', arguments: said } }
    const restored = JSON.parse(restoreJson(JSON.stringify({ choices: [{ message }] }), secrets)).choices[0].message
    expect(restored.content).toBe(shown)
    expect(restored.tool_calls[0].function.arguments).toBe(kept)
    expect(restored.tool_calls[1].custom.input).toBe(kept)
    expect(restored.function_call.arguments).toBe(kept)
  })

  it('are held to that in streams', () => {
    const restorer = new ChunkRestorer(secrets)
    const fields = {
      content: said,
      tool_calls: [
        { index: 0, function: { arguments: said } },
        { index: 1, custom: { input: said } },
      ],
      function_call: { arguments: said },
    }
    const { delta: restored } = JSON.parse(restorer.restore(delta(0, fields, 'tool_calls'))).choices[0]
    expect(restored.content).toBe(shown)
    expect(restored.tool_calls[0].function.arguments).toBe(kept)
    expect(restored.tool_calls[1].custom.input).toBe(kept)
    expect(restored.function_call.arguments).toBe(kept)
  })
})

interface Streamed {
  content?: string
  refusal?: string
  reasoning_content?: string
  calls: Record<number, string>
}

function delta(index: number, fields: object, finish: string | null = null): string {
  return JSON.stringify({ choices: [{ index, delta: fields, finish_reason: finish }] })
}

/** What a client would join from the restored chunks, by choice. */
function streamed(chunks: readonly string[]): Streamed[] {
  const restorer = new ChunkRestorer(vault)
  const choices: Streamed[] = []
  for (const chunk of chunks) {
    const { index, delta: fields } = JSON.parse(restorer.restore(chunk)).choices[0]
    choices[index] ??= { calls: {} }
    const choice = choices[index]
    for (const field of ['content', 'refusal', 'reasoning_content'] as const) {
      if (typeof fields[field] === 'string') choice[field] = (choice[field] ?? '') + fields[field]
    }
    for (const call of fields.tool_calls ?? []) {
      choice.calls[call.index] = (choice.calls[call.index] ?? '') + call.function.arguments
    }
  }
  return choices
}

function lengthOf(chunk: string): number {
  return JSON.parse(chunk).choices[0].delta.content.length
}

function split(text: string, cuts: readonly number[]): string[] {
  const parts: string[] = []
  let rest = text
  for (const cut of cuts) {
    parts.push(rest.slice(0, cut))
    rest = rest.slice(cut)
  }
  return [...parts, rest]
}

/** One of each by turns, and then what is left. */
function interleave(left: readonly string[], right: readonly string[]): string[] {
  const turns = Array.from({ length: Math.max(left.length, right.length) }, (_, index) => index)
  return turns.flatMap((index) => [...left.slice(index, index + 1), ...right.slice(index, index + 1)])
}
