import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { ask } from '../../src/cli/client/ask.ts'

/** What comes of the keys that are pressed on a terminal. */
async function press(keys: string): Promise<{ typed: string | null; shown: string }> {
  const input = Object.assign(new PassThrough(), { isTTY: true })
  const output = Object.assign(new PassThrough(), { isTTY: true })
  const typed = ask('Sure? ', 'Say --yes.', { input, output })
  input.write(keys)
  const answer = await typed
  output.end()
  return { typed: answer, shown: await text(output) }
}

it('gives what was typed, without the spaces around it', async () => {
  expect(await press(' acme \r')).toMatchObject({ typed: 'acme', shown: expect.stringContaining('Sure? ') })
})

it.each([
  ['Ctrl-C', '\x03'],
  ['Ctrl-D', '\x04'],
])('takes %s for no answer', async (_name, key) => {
  const { typed, shown } = await press(key)
  expect(typed).toBeNull()
  expect(shown.endsWith('\n')).toBe(true)
})

it('tells a script what to say, for there is nobody to ask', async () => {
  const streams = { input: new PassThrough(), output: new PassThrough() }
  await expect(ask('Sure? ', 'Say --yes.', streams)).rejects.toThrow('no terminal to ask on. Say --yes.')
})
