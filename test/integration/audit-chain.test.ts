import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FileArchive } from '../../src/archive/file-archive.ts'
import { verifyTrails } from '../../src/archive/verify-trail.ts'
import {
  type ChainKey,
  canonicalJson,
  chainEntry,
  chainStart,
  deriveChainKey,
  parseEntry,
} from '../../src/core/audit-chain.ts'
import type { ChainHead } from '../../src/core/record-archive.ts'
import { readHeads } from '../../src/store/record-stream.ts'
import { type RecordBench, startRecordBench, vaultKey } from '../support/records.ts'

const key = deriveChainKey(vaultKey)

/** A trail of 30 entries in several files, the last of them open. */
async function startTrail(): Promise<RecordBench> {
  const bench = await startRecordBench()
  for (let run = 0; run < 5; run++) {
    await bench.addJobs(2)
    await bench.recordAll()
  }
  return bench
}

interface Tampering {
  /** Lines of one file, to be changed in place. */
  readonly lines: string[]
}

/** Rewrites the file number `index` of acme's trail, compressed or not. */
async function tamper({ folder }: RecordBench, index: number, change: (file: Tampering) => void): Promise<string> {
  const name = (await readdir(path.join(folder, 'audit/acme'))).sort()[index] ?? ''
  const file = path.join(folder, 'audit/acme', name)
  const bytes = await readFile(file)
  const isCompressed = name.endsWith('.gz')
  const lines = (isCompressed ? gunzipSync(bytes) : bytes).toString().trimEnd().split('\n')
  change({ lines })
  const text = `${lines.join('\n')}\n`
  await writeFile(file, isCompressed ? gzipSync(text) : text)
  return file
}

function swap(lines: string[], left: number, right: number): void {
  const [a = '', b = ''] = [lines[left], lines[right]]
  lines[left] = b
  lines[right] = a
}

async function verify(bench: RecordBench, heads: ReadonlyMap<string, ChainHead> | null = null) {
  const [trail] = await verifyTrails({ folder: bench.folder, keys: [key], heads })
  return trail
}

describe('an audit trail', () => {
  let bench: RecordBench
  const originals = new Map<string, Buffer>()

  beforeAll(async () => {
    bench = await startTrail()
    const folder = path.join(bench.folder, 'audit/acme')
    for (const name of await readdir(folder))
      originals.set(path.join(folder, name), await readFile(path.join(folder, name)))
  })
  afterAll(() => bench?.[Symbol.asyncDispose]())

  async function restore(): Promise<void> {
    for (const name of await readdir(path.join(bench.folder, 'audit/acme'))) {
      await rm(path.join(bench.folder, 'audit/acme', name))
    }
    for (const [file, bytes] of originals) await writeFile(file, bytes)
  }

  it('verifies on a real run, over compressed and open files, to its very end', async () => {
    await restore()
    const trail = await verify(bench, await readHeads(bench.redis))
    expect(trail).toMatchObject({ tenant: 'acme', entries: 30, unchecked: 0, endIsProven: true, faults: [] })
    expect(trail?.files).toBe(5)
    expect(trail?.head.seq).toBe(30)
  })

  it('has no content and no line that is not canonical JSON', async () => {
    await restore()
    for (const line of await bench.trail('acme')) {
      expect(canonicalJson(JSON.parse(line))).toBe(line)
      expect(parseEntry(line)).not.toBeNull()
    }
  })

  it.each([
    ['a digit of a cost', (line: string) => line.replace('"cost":7', '"cost":1')],
    ['a letter of the reason', (line: string) => line.replace('found EMAIL', 'found EMAIN')],
    [
      'a digit of the MAC',
      (line: string) => line.replace(/"mac":"./, (text) => `"mac":"${text.endsWith('0') ? 1 : 0}`),
    ],
    [
      'a digit of the hash',
      (line: string) => line.replace(/"hash":"./, (text) => `"hash":"${text.endsWith('0') ? 1 : 0}`),
    ],
    ['a blank more', (line: string) => line.replace('"cost":', '"cost": ')],
    ['a bracket', (line: string) => line.replace('{', '[')],
    ['the case of a letter', (line: string) => line.replace('"kind"', '"Kind"')],
  ])('names the entry in which %s was changed, with and without the key', async (_name, change) => {
    await restore()
    let seq = 0
    const file = await tamper(bench, 0, ({ lines }) => {
      const index = lines.findIndex((line) => change(line) !== line)
      seq = parseEntry(lines[index] ?? '')?.seq ?? 0
      lines[index] = change(lines[index] ?? '')
    })
    for (const keys of [[key], []]) {
      const [trail] = await verifyTrails({ folder: bench.folder, keys, heads: null })
      expect(trail?.faults).toMatchObject([{ tenant: 'acme', seq, file, what: expect.stringMatching(/^edited/) }])
    }
  })

  it('finds any byte of a file changed, wherever it is', async () => {
    await restore()
    const [file = '', bytes = Buffer.alloc(0)] = [...originals].find(([name]) => name.endsWith('.jsonl')) ?? [
      '',
      undefined,
    ]
    expect(bytes.length).toBeGreaterThan(500)
    const heads = await readHeads(bench.redis)
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      await writeFile(file, changed)
      expect((await verify(bench, heads))?.faults.length, `byte ${at}`).toBeGreaterThan(0)
    }
  })

  it('names the entry that was deleted', async () => {
    await restore()
    let seq = 0
    await tamper(bench, 1, ({ lines }) => {
      seq = parseEntry(lines[1] ?? '')?.seq ?? 0
      lines.splice(1, 1)
    })
    expect((await verify(bench))?.faults).toMatchObject([
      { seq, what: expect.stringContaining('removed before this line') },
    ])
  })

  it('names two entries that were swapped, also over the border of two files', async () => {
    await restore()
    await tamper(bench, 0, ({ lines }) => swap(lines, 0, 1))
    expect((await verify(bench))?.faults.map(({ seq }) => seq)).toEqual([1, 1])

    await restore()
    let last = ''
    let first = ''
    await tamper(bench, 0, ({ lines }) => {
      last = lines.at(-1) ?? ''
    })
    await tamper(bench, 1, ({ lines }) => {
      first = lines[0] ?? ''
      lines[0] = last
    })
    await tamper(bench, 0, ({ lines }) => {
      lines[lines.length - 1] = first
    })
    const seqs = (await verify(bench))?.faults.map(({ seq }) => seq)
    expect(seqs).toContain(parseEntry(last)?.seq)
  })

  it('names an entry that is there twice', async () => {
    await restore()
    await tamper(bench, 0, ({ lines }) => lines.splice(1, 0, lines[0] ?? ''))
    expect((await verify(bench))?.faults).toMatchObject([{ seq: 1, what: expect.stringContaining('doubled') }])
  })

  it('notices a file that is missing, and a file cut short', async () => {
    await restore()
    const names = [...originals.keys()].sort()
    await rm(names[1] ?? '')
    const missing = await verify(bench)
    expect(missing?.faults.map(({ what }) => what).join()).toMatch(/1 files are missing.*removed before this line/)

    await restore()
    const compressed = names.find((name) => name.endsWith('.gz')) ?? ''
    await writeFile(compressed, (await readFile(compressed)).subarray(0, -20))
    expect((await verify(bench))?.faults[0]).toMatchObject({
      file: compressed,
      what: expect.stringContaining('damaged'),
    })
  })

  it('misses what was cut off at the end by what Redis knows, and by nothing else', async () => {
    await restore()
    const heads = await readHeads(bench.redis)
    const index = originals.size - 1
    await tamper(bench, index, ({ lines }) => lines.pop())
    expect((await verify(bench))?.faults).toEqual([])
    expect(await verify(bench)).toMatchObject({ endIsProven: false })
    expect((await verify(bench, heads))?.faults).toMatchObject([
      { seq: 30, what: expect.stringContaining('from the end') },
    ])

    await rename(path.join(bench.folder, 'audit/acme'), path.join(bench.folder, 'elsewhere'))
    expect((await verify(bench, heads))?.faults).toMatchObject([{ seq: 1 }])
    await rename(path.join(bench.folder, 'elsewhere'), path.join(bench.folder, 'audit/acme'))
  })

  it('can’t be written anew by somebody without the key', async () => {
    await restore()
    const forger = deriveChainKey(Buffer.alloc(32, 9))
    let head = chainStart
    for (const index of [...originals.keys()].keys()) {
      await tamper(bench, index, ({ lines }) => {
        lines.forEach((line, place) => {
          const { v: _v, seq: _seq, prev: _prev, kid: _kid, mac: _mac, hash: _hash, ...facts } = JSON.parse(line)
          const next = chainEntry(head, { ...facts, facts: { forged: true } }, { ...forger, id: key.id })
          lines[place] = next.line
          head = next.head
        })
      })
    }
    const [blind] = await verifyTrails({ folder: bench.folder, keys: [], heads: null })
    expect(blind).toMatchObject({ faults: [], unchecked: 30 })
    expect((await verify(bench))?.faults).toHaveLength(30)
  })

  it('takes several keys after a rotation, and no entry that none of them sealed', async () => {
    await restore()
    await using rotated = await startRecordBench()
    const next = deriveChainKey(Buffer.alloc(32, 6))
    for (const each of [key, next]) {
      await rotated.addJobs(1)
      await rotated.recordAll({ archive: new FileArchive({ folder: rotated.folder, key: each }) })
    }
    const check = (keys: ChainKey[]) => verifyTrails({ folder: rotated.folder, keys, heads: null })
    expect(await check([next, key])).toMatchObject([{ entries: 6, unchecked: 0, faults: [] }])
    expect(await check([])).toMatchObject([{ unchecked: 6, faults: [] }])
    expect(await check([next])).toMatchObject([
      { unchecked: 3, faults: [{ seq: 1, what: expect.stringContaining(key.id) }] },
    ])
  })

  it('is not mixed up with another tenant’s', async () => {
    await restore()
    await bench.addJobs(1, { tenant: 'globex' })
    await bench.recordAll()
    const folder = path.join(bench.folder, 'audit')
    const [own = ''] = await readdir(path.join(folder, 'globex'))
    const trails = await verifyTrails({ folder: bench.folder, keys: [key], heads: await readHeads(bench.redis) })
    expect(trails.map(({ tenant, faults }) => ({ tenant, faults }))).toEqual([
      { tenant: 'acme', faults: [] },
      { tenant: 'globex', faults: [] },
    ])
    const first = [...originals.keys()].sort()[0] ?? ''
    await writeFile(path.join(folder, 'globex', own), gunzipSync(originals.get(first) ?? Buffer.alloc(0)))
    const [, globex] = await verifyTrails({ folder: bench.folder, keys: [key], heads: null })
    expect(globex?.faults[0]?.what).toContain('tenant acme')
  })
})
