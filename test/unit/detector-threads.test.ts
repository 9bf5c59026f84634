import { setImmediate } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { entities } from '../../src/core/pii/entities.ts'
import { createLocalDetector, type DetectorRecipe } from '../../src/detectors/detector-thread.ts'
import { DetectorThreads } from '../../src/detectors/detector-threads.ts'

const builtin: DetectorRecipe = { kind: 'builtin', tenant: 'acme', entities: [...entities], remembers: 100 }
const patterns: DetectorRecipe = {
  kind: 'patterns',
  patterns: [{ entity: 'CASE_NUMBER', pattern: 'AZ-[0-9]{4}', context: ['case'] }],
  deny: [{ entity: 'CUSTOM', words: ['Umbrella Works'] }],
}
const short = [{ name: 'email', text: 'ada@example.com' }]
const long = [
  { name: '', text: `Dear Ada Lovelace, ${'the case of Umbrella Works is AZ-1234. '.repeat(1_200)}` },
  { name: 'phone', text: '+1 202 555 0143' },
  { name: '', text: 'Ask Ada.' },
]

const logged: string[] = []
const note = (...words: unknown[]) => void logged.push(JSON.stringify(words))
const log = { debug: note, info: note, warn: note, error: note }
const threads = new DetectorThreads(log)
afterAll(() => threads.close())

describe.each([builtin, patterns])('a detector of kind $kind', (recipe) => {
  it('answers at once for short texts', () => {
    expect(threads.create(recipe).detect(short)).toEqual(createLocalDetector(recipe).detect(short))
  })

  it('finds the same in long texts, in pieces that belong together', async () => {
    const found = threads.create(recipe).detect(long)
    expect(found).toBeInstanceOf(Promise)
    const expected = createLocalDetector(recipe).detect(long)
    expect(expected[0]?.length).toBeGreaterThan(0)
    expect(await found).toEqual(expected)
  })
})

it('leaves the thread of the process free meanwhile', async () => {
  const found = threads.create(builtin).detect(long)
  let isFound = false
  let turns = 0
  void Promise.resolve(found).then(() => {
    isFound = true
  })
  while (!isFound) {
    await setImmediate()
    turns += 1
  }
  expect(turns).toBeGreaterThan(3)
})

it('takes a thread that dies for a detector that cannot tell, and does not quote the text', async () => {
  const own = new DetectorThreads(log)
  const detector = own.create(builtin)
  const finding = Promise.resolve(detector.detect(long))
  const outcome = expect(finding).rejects.toMatchObject({
    name: 'DetectorError',
    detector: 'builtin',
    message: expect.not.stringContaining('Ada'),
  })
  await own.close()
  await outcome
  expect(logged).toContainEqual(expect.stringContaining('a detector thread failed'))
  expect(logged.join('')).not.toContain('Ada')
})

it('takes a thread that cannot start for a detector that cannot tell, again and again', async () => {
  const own = new DetectorThreads(log, new URL('data:text/javascript,throw new Error("Ada")'))
  const detector = own.create(builtin)
  for (let time = 0; time < 2; time += 1) {
    await expect(detector.detect(long)).rejects.toMatchObject({ name: 'DetectorError', detector: 'builtin' })
  }
  await own.close()
  expect(logged.join('')).not.toContain('Ada')
})

it('refuses what its kind refuses, when it is made', () => {
  const broken: DetectorRecipe = { kind: 'patterns', patterns: [{ entity: 'SECRET', pattern: '(' }], deny: [] }
  expect(() => threads.create(broken)).toThrow()
})
