import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { type ChatScript, chunkRecord, lastRecords } from '../support/chat-upstream.ts'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { EventReader } from '../support/event-reader.ts'
import { Seeded } from '../support/seeded.ts'
import { Gate } from '../support/workload.ts'

/** Readers by the dozen of jobs that talk little, and some that take nothing of one that talks a lot. */
const narrow = { jobs: 20, readers: 98, pieces: 60, characters: 40 }
const wide = { readers: 40, pieces: 400, characters: 20_000 }
const droppers = 100
const slow = 60
/** What was written to those who take nothing would be 320 MB, if somebody held it for them. */
const mostGrowthMb = 160

it('2,000 readers get every event once, the slow and the dropping too, over as many Redis connections as none', async () => {
  const random = new Seeded('many readers')
  const gate = new Gate()
  await using cluster = await startCluster({ script: talk(gate), leaseDuration: '60s', concurrency: 100, heapMb: 160 })
  const connectionsBefore = await countConnections(cluster)

  const ids = await Promise.all(Array.from({ length: narrow.jobs }, () => makeJob(cluster, `narrow ${narrow.pieces}`)))
  const wideId = await makeJob(cluster, `wide ${wide.pieces}`)
  const seen = new Map<string, Map<number, string>>()
  const wrong: string[] = []
  const open = (id: string, dropsAfter?: number) => {
    const records = seen.get(id) ?? new Map<number, string>()
    seen.set(id, records)
    let last = 0
    return new EventReader({
      url: `${cluster.url}/v1/jobs/${id}/events`,
      headers: cluster.headers,
      ...(dropsAfter !== undefined && { dropsAfter }),
      onEvent(number, record) {
        if (number !== last + 1) wrong.push(`${id}: ${number} after ${last}`)
        if ((records.get(number) ?? record) !== record) wrong.push(`${id}: another event ${number}`)
        records.set(number, record)
        last = number
      },
    })
  }

  const readers: EventReader[] = []
  for (const [index, id] of ids.entries()) {
    for (let count = 0; count < narrow.readers; count += 1) {
      const drops = index * narrow.readers + count < droppers ? random.between(1, narrow.pieces) : undefined
      readers.push(open(id, drops))
    }
    await Promise.all(readers.map(({ opened }) => opened))
  }
  const stalled = Array.from({ length: wide.readers }, () => open(wideId))
  await Promise.all(stalled.map(({ opened }) => opened))
  for (const reader of stalled) reader.pause()
  expect(readers.length + stalled.length).toBe(2_000)
  expect(await countConnections(cluster)).toBe(connectionsBefore)

  const beforeMb = await residentMb(cluster)
  gate.open()
  const sluggish = readers.slice(-slow).map(dawdle)
  await Promise.all(readers.map(({ ended }) => ended))
  await (await cluster.send(`/v1/jobs/${wideId}?wait=30`)).body?.cancel()
  const growthMb = (await residentMb(cluster)) - beforeMb
  for (const reader of stalled) reader.resume()
  await Promise.all(stalled.map(({ ended }) => ended))
  await Promise.all(sluggish)

  expect(wrong).toEqual([])
  for (const id of ids) expect(seen.get(id)?.size).toBe(narrow.pieces + 4)
  expect(seen.get(wideId)?.size).toBe(wide.pieces + 4)
  expect(readers.filter(({ drops }) => drops === 1)).toHaveLength(droppers)
  expect(growthMb).toBeLessThan(mostGrowthMb)
  expect(await countConnections(cluster)).toBe(connectionsBefore)
}, 120_000)

/** Says as many pieces as the prompt asks for, from when the gate is open. */
function talk(gate: Gate): ChatScript {
  return async ({ prompt }, response) => {
    const [kind, pieces] = prompt.split(' ')
    const content = 'x'.repeat(kind === 'wide' ? wide.characters : narrow.characters)
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    await gate.opened
    for (let count = 0; count < Number(pieces); count += 1) {
      // In bits, as models talk: pieces that come at once are one step for everybody.
      if (!response.write(chunkRecord({ content }))) await once(response, 'drain')
      if (count % 5 === 0) await sleep(10)
    }
    response.end(lastRecords())
  }
}

/** Takes a little, then nothing for a while, until the end. */
async function dawdle(reader: EventReader): Promise<void> {
  const ended = { is: false }
  const note = () => {
    ended.is = true
  }
  void reader.ended.then(note, note)
  while (!ended.is) {
    reader.pause()
    await sleep(50)
    reader.resume()
    await sleep(5)
  }
}

async function makeJob(cluster: Cluster, prompt: string): Promise<string> {
  const body = { messages: [{ role: 'user', content: prompt }], stream: true }
  const input = { endpoint: '/v1/chat/completions', body }
  const response = await cluster.send('/v1/jobs', { model: 'fleet', input })
  return ((await response.json()) as { id: string }).id
}

/** Those of the API. */
async function countConnections({ redis }: Cluster): Promise<number> {
  const list = (await redis.call('CLIENT', 'LIST')) as string
  return list.split('\n').filter((line) => /name=sluice-(api|subscriber)-/.test(line)).length
}

async function residentMb(cluster: Cluster): Promise<number> {
  const status = await readFile(`/proc/${cluster.process('api').pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}
