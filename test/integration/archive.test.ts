import { appendFile, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { FileArchive } from '../../src/archive/file-archive.ts'
import { LineLog } from '../../src/archive/line-log.ts'
import { verifyTrails } from '../../src/archive/verify-trail.ts'
import { deriveChainKey } from '../../src/core/audit-chain.ts'
import { readHeads } from '../../src/store/record-stream.ts'
import { startRecordBench, vaultKey } from '../support/records.ts'

const key = deriveChainKey(vaultKey)
const dayMs = 24 * 60 * 60 * 1000

describe('the archive of files', () => {
  it('closes a file at a new day, and reads only the days that are asked for', async () => {
    await using bench = await startRecordBench()
    const noon = Date.parse('2026-03-01T12:00:00Z')
    for (const atMs of [noon, noon + dayMs, noon + 5 * dayMs]) await bench.addJobs(2, { atMs })
    await bench.recordAll({ archive: bench.createArchive() })
    // One batch, however many days are in it, is one file: the rows say when they were.
    expect(await bench.ledger()).toHaveLength(6)
    await bench.addJobs(1, { atMs: noon + 6 * dayMs })
    await bench.recordAll()
    const range = { fromMs: noon + 6 * dayMs, toMs: noon + 7 * dayMs }
    expect(await Array.fromAsync(bench.reader.ledger(range))).toHaveLength(1)
    expect(await bench.files('ledger')).toHaveLength(2)
  })

  it('closes a file that has grown too large, and compresses it', async () => {
    await using bench = await startRecordBench()
    const archive = new FileArchive({ folder: bench.folder, key, maxFileBytes: 2_000 })
    const recorder = bench.createRecorder({ archive })
    void recorder.run()
    for (let round = 0; round < 3; round++) {
      await bench.addJobs(10)
      await expect.poll(() => bench.redis.xlen('sluice:records')).toBe(0)
    }
    await recorder.stop()
    const names = await bench.files('ledger')
    expect(names.filter((name) => name.endsWith('.gz')).length).toBeGreaterThanOrEqual(2)
    expect(names.filter((name) => name.endsWith('.jsonl'))).toHaveLength(1)
    expect(await bench.ledger()).toHaveLength(30)
  })

  it('cuts off a line that a crash left unfinished, and writes it again', async () => {
    await using bench = await startRecordBench()
    await bench.addJobs(2)
    await bench.recordAll()
    for (const folder of ['ledger', 'audit/acme']) {
      const [name = ''] = await bench.files(folder)
      await appendFile(path.join(bench.folder, folder, name), '{"id":"99-0","att')
    }
    const [torn] = await verifyTrails({ folder: bench.folder, keys: [key], heads: await readHeads(bench.redis) })
    expect(torn).toMatchObject({ isUnfinished: true, faults: [] })
    expect(await bench.ledger()).toHaveLength(2)
    await bench.addJobs(1)
    await bench.recordAll()
    expect(await bench.ledger()).toHaveLength(3)
    const [whole] = await verifyTrails({ folder: bench.folder, keys: [key], heads: await readHeads(bench.redis) })
    expect(whole).toMatchObject({ entries: 9, isUnfinished: false, faults: [] })
  })

  it('keeps tenants apart whose names differ in case only, on any file system', async () => {
    await using bench = await startRecordBench()
    await bench.addJobs(1, { tenant: 'Acme' })
    await bench.addJobs(2, { tenant: 'acme' })
    await bench.recordAll()
    const names = await readdir(path.join(bench.folder, 'audit'))
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(2)
    const trails = await verifyTrails({ folder: bench.folder, keys: [key], heads: await readHeads(bench.redis) })
    expect(trails.map(({ tenant, entries, faults }) => [tenant, entries, faults])).toEqual([
      ['Acme', 3, []],
      ['acme', 6, []],
    ])
    expect(await bench.trail('Acme')).toHaveLength(3)
  })

  it('is readable by its owner only', async () => {
    await using bench = await startRecordBench()
    await bench.addJobs(1)
    await bench.recordAll()
    await bench.addJobs(1)
    await bench.recordAll()
    for (const folder of ['ledger', 'audit/acme']) {
      expect((await stat(path.join(bench.folder, folder))).mode & 0o077).toBe(0)
      for (const name of await bench.files(folder)) {
        expect((await stat(path.join(bench.folder, folder, name))).mode & 0o077, name).toBe(0)
      }
    }
  })

  it('goes on after the head that Redis knows where files were lost, so that the gap stays seen', async () => {
    await using bench = await startRecordBench()
    await bench.addJobs(2)
    await bench.recordAll()
    const [name = ''] = await bench.files('audit/acme')
    const file = path.join(bench.folder, 'audit/acme', name)
    const lines = (await readFile(file, 'utf8')).split('\n')
    await writeFile(file, `${lines.slice(0, 4).join('\n')}\n`)
    await bench.addJobs(1)
    await bench.recordAll()
    const [trail] = await verifyTrails({ folder: bench.folder, keys: [key], heads: await readHeads(bench.redis) })
    expect(trail?.head.seq).toBe(9)
    expect(trail?.faults).toMatchObject([{ seq: 5, what: expect.stringContaining('entries 5 to 6 were removed') }])
  })

  it('finishes what a process that died while closing a file had begun', async () => {
    await using bench = await startRecordBench()
    const folder = path.join(bench.folder, 'log')
    const first = await LineLog.open(folder, 1_000_000)
    await first.append(['one', 'two'], '2026-01-01')
    await first.close()
    const [name = ''] = await readdir(folder)
    // Renamed, and not yet compressed.
    await rename(path.join(folder, name), path.join(folder, `${name}.closing`))
    await writeFile(path.join(folder, `${name}.0.part`), 'half a compressed file')
    const second = await LineLog.open(folder, 1_000_000)
    expect(second.lastLine).toBe('two')
    expect(await readdir(folder)).toEqual([`${name}.gz`])
    // Compressed, and what was compressed not yet removed.
    await writeFile(path.join(folder, `${name}.closing`), 'one\ntwo\n')
    const third = await LineLog.open(folder, 1_000_000)
    await third.append(['three'], '2026-01-01')
    await third.close()
    expect((await readdir(folder)).sort()).toEqual([`${name}.gz`, name.replace('1.jsonl', '2.jsonl')])
    expect((await LineLog.open(folder, 1_000_000)).lastLine).toBe('three')
  })

  it('refuses a writer from whom the log was taken', async () => {
    await using bench = await startRecordBench()
    const folder = path.join(bench.folder, 'log')
    const slow = await LineLog.open(folder, 1_000_000)
    await slow.append(['one'], '2026-01-01')
    const next = await LineLog.open(folder, 1_000_000)
    await expect(slow.append(['two'], '2026-01-01')).rejects.toThrow(/taken over/)
    await next.append(['two'], '2026-01-01')
    await slow.close()
    await next.close()
    expect((await LineLog.open(folder, 1_000_000)).lastLine).toBe('two')
  })
})
