import { describe, expect, it } from 'vitest'
import { type UsageCell, type UsageDimension, UsageSum } from '../../src/core/usage.ts'
import type { Settlement } from '../../src/pipeline/record-jobs.ts'
import { RedisUsageReader } from '../../src/store/usage-rollups.ts'
import { dying, type RecordBench, startRecordBench, untilEmpty } from '../support/records.ts'

/** Accounts as `core/budget.ts` promises them: an attempt is booked once, however often it is told. */
function createSettlement() {
  const booked = new Map<string, number>()
  const released = new Set<string>()
  const settlement: Settlement = {
    attemptEnded: async ({ attemptId, cost, tokens }) => {
      expect(tokens).toBe(150)
      booked.set(attemptId, cost)
    },
    jobEnded: async (job) => {
      released.add(job)
    },
  }
  return { booked, released, settlement }
}

async function sumUsage({ redis }: RecordBench, by: readonly UsageDimension[]) {
  const sum = new UsageSum(by)
  const today = new Date().toISOString().slice(0, 10)
  const cells: UsageCell[] = await Array.fromAsync(new RedisUsageReader(redis).read('2026-01-01', today))
  for (const cell of cells) sum.add(cell)
  return sum.groups()
}

describe('the recorder', () => {
  it('turns records into rows, entries, roll-ups and settled accounts', async () => {
    await using bench = await startRecordBench()
    const { booked, released, settlement } = createSettlement()
    const jobs = await bench.addJobs(3)
    await bench.recordAll({ settlement })

    const rows = await bench.ledger()
    expect(rows.map(({ job }) => job)).toEqual(jobs)
    expect(rows[0]).toMatchObject({
      tenant: 'acme',
      key: 'key_1',
      model: 'fast',
      deployment: 'cloud-a',
      tokens_in: 100,
      tokens_out: 50,
      tokens_cached: 40,
      micro_usd: 7,
      tags: { team: 'search', env: 'prod' },
      class: 'internal',
      priority: 'interactive',
      first_token_ms: 8,
    })
    expect(await bench.trail('acme')).toHaveLength(9)
    expect([...booked.values()]).toEqual([7, 7, 7])
    expect([...released]).toEqual(jobs)
    expect(await bench.redis.xlen('sluice:records')).toBe(0)
    expect(await sumUsage(bench, [])).toEqual([
      { jobs: 3, attempts: 3, tokens_in: 300, tokens_out: 150, tokens_cached: 120, tokens_reasoning: 0, micro_usd: 21 },
    ])
  })

  it('counts a job with two tags once in the total and once for each tag', async () => {
    await using bench = await startRecordBench()
    await bench.addJobs(1)
    await bench.addJobs(1, { tags: {} })
    await bench.recordAll()
    expect(await sumUsage(bench, ['tenant'])).toMatchObject([{ tenant: 'acme', jobs: 2 }])
    expect(await sumUsage(bench, ['tag'])).toMatchObject([
      { tag: 'env=prod', jobs: 1 },
      { tag: 'team=search', jobs: 1 },
    ])
  })

  it('says so where a job was forgotten before its records were read', async () => {
    await using bench = await startRecordBench()
    const [job] = await bench.addJobs(1)
    await bench.redis.del(`sluice:private:${job}`)
    await bench.recordAll()
    expect((await bench.ledger()).map(({ tenant, micro_usd }) => ({ tenant, micro_usd }))).toEqual([
      { tenant: '_unknown', micro_usd: 7 },
    ])
    expect(await bench.trail('_unknown')).toHaveLength(3)
    expect(await sumUsage(bench, [])).toMatchObject([{ jobs: 1, micro_usd: 7 }])
  })

  it('keeps roll-ups for 400 days', async () => {
    await using bench = await startRecordBench()
    await bench.addJobs(1)
    await bench.recordAll()
    const [key = ''] = await bench.redis.keys('sluice:usage:*')
    const days = (await bench.redis.pttl(key)) / (24 * 60 * 60 * 1000)
    expect(days).toBeGreaterThan(399)
    expect(days).toBeLessThan(402)
  })

  const deaths = [
    { port: 'stream', method: 'ownersOf', moment: 'after' },
    { port: 'settlement', method: 'attemptEnded', moment: 'after' },
    { port: 'settlement', method: 'jobEnded', moment: 'before' },
    { port: 'archive', method: 'append', moment: 'before' },
    { port: 'archive', method: 'append', moment: 'after' },
    { port: 'stream', method: 'commit', moment: 'before' },
    { port: 'stream', method: 'commit', moment: 'after' },
  ] as const
  for (const { port, method, moment } of deaths) {
    it(`counts every record once when a recorder dies ${moment} ${port}.${method}`, async () => {
      await using bench = await startRecordBench()
      const { booked, released, settlement } = createSettlement()
      const jobs = await bench.addJobs(40)
      const stream = bench.createStream(300)
      const archive = bench.createArchive()
      const mortals = { stream, archive, settlement }
      const mortal = dying(mortals[port], method as never, moment)
      void bench.createRecorder({ ...mortals, [port]: mortal }).run()
      await mortal.hasDied
      await bench.addJobs(10)
      await bench.recordAll({ settlement, stream: bench.createStream(300) })

      const rows = await bench.ledger()
      expect(rows).toHaveLength(50)
      expect(new Set(rows.map(({ attempt }) => attempt)).size).toBe(50)
      expect(rows.slice(0, 40).map(({ job }) => job)).toEqual(jobs)
      const seqs = (await bench.trail('acme')).map((line) => JSON.parse(line).seq)
      expect(seqs).toEqual(Array.from({ length: 150 }, (_, index) => index + 1))
      expect(await sumUsage(bench, [])).toMatchObject([{ jobs: 50, attempts: 50, micro_usd: 350 }])
      expect(booked.size).toBe(50)
      expect(released.size).toBe(50)
      // What death would have done.
      await archive.reset()
    })
  }

  it('is not disturbed by a second one, nor by one that was only slow', async () => {
    await using bench = await startRecordBench()
    await bench.addJobs(200)
    const slowStream = bench.createStream(200)
    const wake = Promise.withResolvers<void>()
    const asleep = Promise.withResolvers<void>()
    let naps = 0
    const slowArchive = bench.createArchive()
    const append = slowArchive.append.bind(slowArchive)
    // It falls asleep between reading and writing, for longer than its lease.
    slowArchive.append = async (batch) => {
      naps += 1
      if (naps === 1) {
        asleep.resolve()
        await wake.promise
      }
      return append(batch)
    }
    const slow = bench.createRecorder({ stream: slowStream, archive: slowArchive })
    void slow.run()
    await asleep.promise
    const others = [1, 2].map(() => bench.createRecorder({ stream: bench.createStream(200) }))
    for (const recorder of others) void recorder.run()
    await untilEmpty(bench.redis)
    wake.resolve()
    await bench.addJobs(100)
    await untilEmpty(bench.redis)
    await Promise.all([slow, ...others].map((recorder) => recorder.stop()))

    const rows = await bench.ledger()
    expect(rows).toHaveLength(300)
    expect(new Set(rows.map(({ attempt }) => attempt)).size).toBe(300)
    const seqs = (await bench.trail('acme')).map((line) => JSON.parse(line).seq)
    expect(seqs).toEqual(Array.from({ length: 900 }, (_, index) => index + 1))
    expect(await sumUsage(bench, [])).toMatchObject([{ jobs: 300, micro_usd: 2_100 }])
  })

  it('goes on when Redis comes back', async () => {
    await using bench = await startRecordBench()
    await bench.addJobs(5)
    const recorder = bench.createRecorder({ stream: bench.createStream(500) })
    void recorder.run()
    await untilEmpty(bench.redis)
    await bench.server.kill()
    await bench.server.restart()
    await bench.addJobs(5)
    await untilEmpty(bench.redis)
    await recorder.stop()
    expect(await bench.ledger()).toHaveLength(10)
  })

  it('refuses to go on in another folder than the one that it began in', async () => {
    await using bench = await startRecordBench()
    await using elsewhere = await startRecordBench()
    await bench.addJobs(1)
    await bench.recordAll()
    const acquired = bench.createStream().acquire('other', await elsewhere.createArchive().identify())
    await expect(acquired).rejects.toThrow(/another data_dir/)
  })
})
