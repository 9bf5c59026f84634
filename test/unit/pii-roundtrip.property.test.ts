import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBuiltinDetector } from '../../src/core/pii/builtin-detector.ts'
import { type Entity, entities } from '../../src/core/pii/entities.ts'
import { Masker } from '../../src/core/pii/mask.ts'
import { textOf } from '../../src/core/pii/mask-chat.ts'
import { recognizers } from '../../src/core/pii/registry.ts'
import { restoreJson } from '../../src/core/pii/restore.ts'
import { ChunkRestorer } from '../../src/core/pii/restore-stream.ts'

/** Without those that go by how words stand together: they find a word in one place and not in the next. */
const byContext: readonly Entity[] = ['PERSON', 'ORG', 'LOCATION']
const detector = createBuiltinDetector({ entities: new Set(entities.filter((entity) => !byContext.includes(entity))) })

/** Every example of every recognizer. */
const planted = recognizers.flatMap(({ examples }) => examples.finds.map((text) => text.replace(/[⟦⟧]/g, '')))
const filler = fc.constantFrom(
  ...[
    'and',
    '<',
    '>',
    '"',
    '\\',
    '\n',
    'EMAIL_1',
    '<PERSON_1>',
    '<EMAIL>',
    '&lt;',
    '\\u003c',
    '😀',
    'C:\\Users\\',
    '`',
    '{',
    '}',
  ],
  ...['_', '1', '\\<', '\\_', 'ü', '\t', '[', ']', ':', ','],
)
const text = fc
  .array(fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...planted) }, { weight: 3, arbitrary: filler }), {
    maxLength: 8,
  })
  .map((parts) => parts.join(' '))
const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 60 })

interface Masked {
  readonly body: { messages: { role: string; content: string }[] }
  readonly json: string
  readonly masker: Masker
  /** What was found, each value where it stood. */
  readonly values: readonly { message: number; value: string }[]
}

function mask(contents: readonly string[]): Masked {
  const asked = JSON.stringify({ messages: contents.map((content) => ({ role: 'user', content })) })
  const request = textOf('/v1/chat/completions', asked)
  const findings = detector.detect(request.pieces)
  const masker = new Masker()
  const json = request.mask(findings, masker)
  const values = request.pieces.flatMap(({ text: piece }, index) =>
    (findings[index] ?? []).map(({ start, end }) => ({
      message: contents.indexOf(piece),
      value: piece.slice(start, end),
    })),
  )
  return { body: JSON.parse(json), json, masker, values }
}

/** An answer in which the model says again what it was told. */
function echo(contents: readonly string[]): string {
  return JSON.stringify({
    choices: contents.map((content, index) => ({ index, message: { role: 'assistant', content } })),
  })
}

describe('masking, a model that echoes, and restoring', () => {
  it('gives every text back as it was', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (contents) => {
        const { body, masker } = mask(contents)
        const said = echo(body.messages.map(({ content }) => content))
        const restored = JSON.parse(restoreJson(said, masker.vault)) as { choices: { message: { content: string } }[] }
        expect(restored.choices.map(({ message }) => message.content)).toEqual(contents)
      }),
      { numRuns: 500 },
    )
  })

  it('gives every text back however the stream is cut, chunk for chunk', () => {
    fc.assert(
      fc.property(text, cuts, (content, lengths) => {
        // What begins like JSON and is none can't be told from JSON before its end; values with quotes come out escaped.
        fc.pre(!/^\s*[[{`]/.test(content))
        const { body, masker } = mask([content])
        const said = body.messages[0]?.content ?? ''
        const restorer = new ChunkRestorer(masker.vault)
        let rest = said
        let joined = ''
        const push = (part: string, finish: string | null) => {
          const chunk = { choices: [{ index: 0, delta: { content: part }, finish_reason: finish }] }
          joined += JSON.parse(restorer.restore(JSON.stringify(chunk))).choices[0].delta.content
        }
        for (const length of lengths) {
          push(rest.slice(0, length), null)
          rest = rest.slice(length)
        }
        push(rest, 'stop')
        expect(joined).toBe(content)
      }),
      { numRuns: 500 },
    )
  })

  it('gives tool-call arguments back as they were, cut anywhere, but for secrets', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'c'), text), cuts, (values, lengths) => {
        const given = {
          messages: [
            {
              role: 'assistant',
              tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: JSON.stringify(values) } }],
            },
          ],
        }
        const request = textOf('/v1/chat/completions', JSON.stringify(given))
        const secrets = new Set(['SECRET', 'PASSWORD', 'CVV'])
        const findings = detector
          .detect(request.pieces)
          .map((found) => found.filter(({ entity }) => !secrets.has(entity)))
        const masker = new Masker()
        const masked = JSON.parse(request.mask(findings, masker)) as typeof given
        const said = masked.messages[0]?.tool_calls[0]?.function.arguments ?? ''
        const restorer = new ChunkRestorer(masker.vault)
        let joined = ''
        let from = 0
        for (const length of [...lengths, said.length]) {
          const call = { index: 0, function: { arguments: said.slice(from, from + length) } }
          const finish = from + length >= said.length ? 'tool_calls' : null
          const chunk = { choices: [{ index: 0, delta: { tool_calls: [call] }, finish_reason: finish }] }
          joined += JSON.parse(restorer.restore(JSON.stringify(chunk))).choices[0].delta.tool_calls[0].function
            .arguments
          from += length
          if (finish) break
        }
        expect(JSON.parse(joined)).toEqual(values)
      }),
      { numRuns: 300 },
    )
  })
})

describe('a masked body', () => {
  it('has no value any more where it was found, and no more placeholders than values', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (contents) => {
        const { body, masker, values } = mask(contents)
        const left = [...masker.vault.keys()].reduce(
          (texts, placeholder) => texts.map((one) => one.replaceAll(placeholder, '\u0000')),
          body.messages.map(({ content }) => content),
        )
        for (const { message, value } of values) {
          const before = contents[message]?.split(value).length ?? 0
          const after = left[message]?.split(value).length ?? 0
          expect(after).toBeLessThan(before)
        }
        expect(new Set(masker.vault.values()).size).toBe(masker.vault.size)
      }),
      { numRuns: 500 },
    )
  })

  it.each([...new Set(planted)])('holds none of the values of %j', (example) => {
    const { json, values } = mask([example])
    expect(values.length).toBeGreaterThan(0)
    for (const { value } of values) expect(json).not.toContain(JSON.stringify(value).slice(1, -1))
  })
})
