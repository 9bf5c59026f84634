import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { UsageError } from '../../src/cli/client/failures.ts'
import type { ResultLine } from '../../src/cli/submit/result-line.ts'
import { ResultsFile } from '../../src/cli/submit/results-file.ts'

let folder: string
let file: string

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-results-'))
  file = path.join(folder, 'results.jsonl')
})

afterEach(() => rm(folder, { recursive: true, force: true }))

function lineAt(offset: number, status = 'completed'): ResultLine {
  return {
    custom_id: `a.log@${offset}`,
    file: 'a.log',
    offset,
    bytes: 10,
    first_line: 1,
    lines: 1,
    sha256: 'x',
    question: 'q',
    job_id: `job_${offset}`,
    status,
    result_text: 'é'.repeat(20),
    usage: null,
  }
}

/** Opens to resume and tells which offsets were handed over. */
async function resume(isWanted: (line: ResultLine) => boolean = () => true) {
  const offsets: number[] = []
  const results = await ResultsFile.openToResume(file, { isWanted, take: (line) => offsets.push(line.offset) })
  return { offsets, results }
}

async function writeLines(...lines: ResultLine[]): Promise<void> {
  await using results = await ResultsFile.create(file)
  await Promise.all(lines.map((line) => results.append(line)))
}

async function readOffsets(): Promise<number[]> {
  const text = await readFile(file, 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as ResultLine).offset)
}

describe('ResultsFile', () => {
  it('refuses a file that is there, and leaves it as it is', async () => {
    await writeFile(file, 'mine\n')
    await expect(ResultsFile.create(file)).rejects.toThrow(/--resume/)
    expect(await readFile(file, 'utf8')).toBe('mine\n')
  })

  it('goes on after every length at which a death may have torn the last line', async () => {
    await writeLines(lineAt(0), lineAt(10))
    const whole = await readFile(file)
    const firstEnd = whole.indexOf('\n') + 1
    for (let length = firstEnd; length < whole.length; length += 1) {
      await writeFile(file, whole.subarray(0, length))
      const { offsets, results } = await resume()
      await results.append(lineAt(20))
      await results[Symbol.asyncDispose]()
      expect(offsets).toEqual([0])
      expect(await readOffsets()).toEqual([0, 20])
    }
  })

  it('starts over when the only line is torn, and when there is no file', async () => {
    await writeFile(file, '{"custom_id":')
    const torn = await resume()
    await torn.results[Symbol.asyncDispose]()
    expect(await readFile(file, 'utf8')).toBe('')
    await rm(file)
    const missing = await resume()
    await missing.results[Symbol.asyncDispose]()
    expect([torn.offsets, missing.offsets]).toEqual([[], []])
  })

  it('finds the last line end behind a torn line of any length', async () => {
    await writeLines(lineAt(0))
    await writeFile(file, `${await readFile(file, 'utf8')}${'x'.repeat(200_000)}`)
    const { offsets, results } = await resume()
    await results[Symbol.asyncDispose]()
    expect(offsets).toEqual([0])
    expect(await readOffsets()).toEqual([0])
  })

  it('takes out the lines that are not wanted and goes on behind the rest', async () => {
    await writeLines(lineAt(0), lineAt(10, 'failed'), lineAt(20))
    const { offsets, results } = await resume((line) => line.status === 'completed')
    await results.append(lineAt(10))
    await results[Symbol.asyncDispose]()
    expect(offsets).toEqual([0, 20])
    expect(await readOffsets()).toEqual([0, 20, 10])
  })

  it('refuses a file that is something else, and leaves it as it is', async () => {
    await writeFile(file, '{"level":"info"}\n')
    await expect(resume()).rejects.toThrow(UsageError)
    expect(await readFile(file, 'utf8')).toBe('{"level":"info"}\n')
  })
})
