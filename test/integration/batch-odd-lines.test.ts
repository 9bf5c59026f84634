import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { batchLine, readOutcomes, startBatch, untilEnded } from '../support/batch-lines.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'

/** Lines that are hard to read: what they say reaches the upstream, and what is wrong has the right number. */
let broker: TestBroker
let client: OpenAI
beforeAll(async () => {
  broker = await startTestBroker({ config: { server: { port: 0, max_body_mb: 16 } } })
  client = new OpenAI({ baseURL: broker.baseURL, apiKey: broker.keys.acme, maxRetries: 0 })
})
afterAll(() => broker[Symbol.asyncDispose]())

const good = (name: string) => batchLine(name, 'echo: fine')
/** A line whose `custom_id` and prompt are JSON text as it is written here. */
const written = (customId: string, prompt: string) =>
  `{"custom_id":${customId},"method":"POST","url":"/v1/chat/completions","body":{"model":"local","messages":[{"role":"user","content":${prompt}}]}}`

async function errorsOf(...pieces: readonly (string | Buffer)[]) {
  const { id } = await startBatch(client, Buffer.concat(pieces.map((piece) => Buffer.from(piece))))
  const { status, errors } = await untilEnded(client, id, 60_000)
  expect(status).toBe('failed')
  return (errors?.data ?? []).map(({ code, line }) => [code, line])
}

async function answersOf(...lines: readonly string[]) {
  const { id } = await startBatch(client, Buffer.from(lines.join('\n')))
  const batch = await untilEnded(client, id, 60_000)
  expect(batch).toMatchObject({ status: 'completed', request_counts: { completed: lines.length, failed: 0 } })
  const outcomes = await readOutcomes(client, batch.output_file_id)
  return new Map(outcomes.map((line) => [line.custom_id, line.response?.body.choices?.[0]?.message.content]))
}

describe('what is wrong in a file has the number of its line', () => {
  it('after a byte order mark, ends of either kind, blank lines, and without a last end', async () => {
    const text = `\uFEFF${good('a')}\r\n\r\n \t \r\n\nwrong\r\n${good('b')}\nwrong`
    expect(await errorsOf(text)).toEqual([
      ['invalid_json_line', 5],
      ['invalid_json_line', 7],
    ])
  })

  it('with bytes that are no text: NUL, half a character, a surrogate on its own, another encoding', async () => {
    const bad = (...bytes: number[]) => [Buffer.from('{"custom_id":"'), Buffer.from(bytes), Buffer.from('"}\n')]
    const halves = [bad(0), bad(0xc3), bad(0xed, 0xa0, 0x80), bad(0xe4)].flat()
    const errors = await errorsOf(
      `${good('a')}\n`,
      ...halves,
      Buffer.from(`${good('b')}\n`, 'utf16le'),
      Buffer.alloc(9),
    )
    expect(errors.slice(0, 4)).toEqual([2, 3, 4, 5].map((line) => ['invalid_json_line', line]))
    // UTF-16 has a byte more after its line end.
    expect(errors.slice(4)).toEqual([6, 7].map((line) => ['invalid_json_line', line]))
  })

  it('between lines of 20 MB and before others that are too long', async () => {
    const long = batchLine('long', 'x'.repeat(20_000_000))
    expect(await errorsOf(`${good('a')}\n${long}\n${good('b')}\nwrong\n${long}\n`, `${long}`)).toEqual([
      ['body_too_large', 2],
      ['invalid_json_line', 4],
      ['body_too_large', 5],
      ['body_too_large', 6],
    ])
  }, 90_000)

  it('with a name that came before, however it is written', async () => {
    const lines = [written('"a\\u0062"', '"1"'), written('"x"', '"2"'), written('"ab"', '"3"')]
    expect(await errorsOf(lines.join('\n'))).toEqual([['duplicate_custom_id', 3]])
  })
})

describe('a line says what its JSON says', () => {
  it('with surrogates on their own and NUL in its name and prompt', async () => {
    const answers = await answersOf(
      written('"\\ud800"', '"echo: a\\u0000b"'),
      written('"\\ud801"', '"echo: c\\udc00d"'),
      written('"n\\u0000"', '"echo: e"'),
    )
    expect(Object.fromEntries(answers)).toEqual({ '\ud800': 'a\0b', '\ud801': 'c\udc00d', 'n\0': 'e' })
  })

  it('with fields twice: the last of each counts', async () => {
    const twice = written('"last"', '"echo: last"').slice(1)
    const answers = await answersOf(`{"custom_id":"first","body":{"model":"gpt-9","messages":[]},${twice}`)
    expect(Object.fromEntries(answers)).toEqual({ last: 'last' })
  })

  it('with fields that no object has, numbers that JavaScript cannot hold, and characters of four bytes', async () => {
    const line = written('"__proto__"', '"echo: 😀"').replace(
      '"model"',
      '"seed":12345678901234567890,"metadata":{"__proto__":"x"},"model"',
    )
    const answers = await answersOf(line)
    expect([...answers]).toEqual([['__proto__', '😀']])
    const call = await broker.upstream.callOf(({ prompt }) => prompt === 'echo: 😀')
    expect(call.request.body).toContain('12345678901234567890')
  })
})

it('long lines are run a few at a time, and whole', async () => {
  // More than is held of a file at once.
  const prompts = Array.from({ length: 18 }, (_, index) => `${index} ${'log '.repeat(125_000)}`)
  const answers = await answersOf(...prompts.map((prompt, index) => batchLine(`l${index}`, prompt)))
  expect([...answers.values()]).toEqual(prompts.map(() => 'ok'))
  const seen = new Set(broker.upstream.calls.map(({ prompt }) => prompt))
  expect(prompts.every((prompt) => seen.has(prompt))).toBe(true)
}, 90_000)
