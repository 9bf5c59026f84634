/**
 * `npm run bench:batch [-- LINES]`: one large batch, each role in a process of its own. Says how much the API's memory grew
 * while the file was uploaded, run and read back, how long it took, whether every line has exactly one outcome, and how
 * long a chat waited for its first token before and during it. Linux only: memory is read from `/proc`.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { cleanEnvironment, freePort, startProgram, stopAllProcesses } from './processes.ts'
import { chatBody } from './prompts.ts'
import { findRedis, startRedis } from './redis.ts'
import { quantile } from './statistics.ts'
import { startUpstream } from './systems.ts'

const lineCount = Number(process.argv[2] ?? 50_000)
const main = join(import.meta.dirname, '../src/cli/main.ts')
const roles = [['api'], ['auditor'], ['dispatcher', '--pool', 'cloud'], ['courier']] as const
/** Before anything counts: compilers and connection pools settle. */
const firstChats = 40
const idleChats = 400
const pollMs = 500

const folder = await mkdtemp(join(tmpdir(), 'sluice-batch-'))
try {
  await bench()
} finally {
  await stopAllProcesses()
  await rm(folder, { recursive: true, force: true })
}

async function bench(): Promise<void> {
  const { client, pids } = await startRoles()
  await chatUntil(client, (count) => count >= firstChats)
  const idleMs = await chatUntil(client, (count) => count >= idleChats)
  const memory = watchMemory(pids.api)
  const courier = watchMemory(pids.courier)
  const startedMs = performance.now()
  const batch = await submit(client)
  const uploadedMs = performance.now()
  let ended: OpenAI.Batch | null = null
  const [busyMs] = await Promise.all([
    chatUntil(client, () => ended !== null),
    untilEnded(client, batch.id).then((now) => {
      ended = now
    }),
  ])
  const endedMs = performance.now()
  const last = await client.batches.retrieve(batch.id)
  const { names, repeats } = await readNames(client, last.output_file_id ?? '')
  const grown = memory.stop()
  say(`${lineCount} lines: uploaded in ${seconds(uploadedMs - startedMs)}, ended after ${seconds(endedMs - startedMs)}`)
  say(`${last.status}, ${JSON.stringify(last.request_counts)}; ${names} names in the output, ${repeats} of them twice`)
  say(`API: ${grown.before} MiB before, at most ${grown.most} MiB (+${grown.most - grown.before} MiB)`)
  const ofCourier = courier.stop()
  say(`courier: ${ofCourier.before} MiB before, at most ${ofCourier.most} MiB`)
  for (const [when, samples] of [['idle', idleMs] as const, ['during the batch', busyMs] as const]) {
    const [p50, p99] = [quantile(samples, 0.5), quantile(samples, 0.99)].map((ms) => ms.toFixed(1))
    say(`first token of a chat, ${when}: p50 ${p50} ms, p99 ${p99} ms (${samples.length} chats)`)
  }
  const ratio = quantile(busyMs, 0.99) / quantile(idleMs, 0.99)
  say(`p99 during the batch is ${ratio.toFixed(1)} times that of an idle system`)
}

async function startRoles() {
  const upstream = await startUpstream()
  const redis = await startRedis(await findRedis(), join(folder, 'redis'))
  const key = `sk-bench-${randomBytes(24).toString('hex')}`
  const port = await freePort()
  const yaml = await readFile(join(import.meta.dirname, 'sluice.yaml'), 'utf8')
  const file = join(folder, 'sluice.yaml')
  await writeFile(file, `server: { port: ${port} }\ndata_dir: ${join(folder, 'data')}\n${yaml}`)
  const environment = cleanEnvironment({
    REDIS_URL: redis.url,
    BENCH_KEY: key,
    BENCH_UPSTREAM: upstream.target.origin,
    SLUICE_VAULT_KEY: randomBytes(32).toString('base64'),
  })
  const starting = roles.map(async ([role, ...words]) => {
    const args = [main, role, ...words, '--config', file]
    const logFile = join(folder, `${role}.log`)
    const env = role === 'dispatcher' ? { ...environment, SLUICE_VAULT_KEY: '' } : environment
    const ready = /is ready"/
    return startProgram({ command: process.execPath, args, environment: env, logFile, ready, timeoutMs: 60_000 })
  })
  const [api, , , courier] = await Promise.all(starting)
  const client = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: key })
  return { client, pids: { api: api?.pid ?? 0, courier: courier?.pid ?? 0 } }
}

async function submit(client: OpenAI): Promise<OpenAI.Batch> {
  const path = join(folder, 'input.jsonl')
  const out = createWriteStream(path)
  for (let index = 0; index < lineCount; index += 1) {
    const body = { ...chatBody(index, { stream: false, personal: index % 4 === 0 }), model: 'bench' }
    const line = { custom_id: `line-${index}`, method: 'POST', url: '/v1/chat/completions', body }
    if (!out.write(`${JSON.stringify(line)}\n`)) await once(out, 'drain')
  }
  out.end()
  await once(out, 'finish')
  const file = await client.files.create({ file: createReadStream(path), purpose: 'batch' })
  say(`the file has ${(file.bytes / 1024 / 1024).toFixed(1)} MiB`)
  return client.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  })
}

async function untilEnded(client: OpenAI, id: string): Promise<OpenAI.Batch> {
  for (;;) {
    await sleep(pollMs)
    const batch = await client.batches.retrieve(id)
    if (!['validating', 'in_progress', 'finalizing'].includes(batch.status)) return batch
  }
}

/** One chat after the other. Resolves with the milliseconds to the first content of each. */
async function chatUntil(client: OpenAI, isEnough: (count: number) => boolean): Promise<number[]> {
  const samples: number[] = []
  while (!isEnough(samples.length)) {
    const startedMs = performance.now()
    const stream = await client.chat.completions.create({
      model: 'bench',
      stream: true,
      messages: [{ role: 'user', content: `hello ${samples.length}` }],
    })
    let firstMs: number | null = null
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) firstMs ??= performance.now() - startedMs
    samples.push(firstMs ?? Number.NaN)
    await sleep(50)
  }
  return samples
}

async function readNames(client: OpenAI, file: string): Promise<{ names: number; repeats: number }> {
  const { body } = await client.files.content(file)
  const names = new Set<string>()
  let repeats = 0
  if (!body) throw new Error('the output has no content')
  for await (const line of createInterface({ input: Readable.fromWeb(body as never) })) {
    const { custom_id: name } = JSON.parse(line) as { custom_id: string }
    if (names.has(name)) repeats += 1
    names.add(name)
  }
  return { names: names.size, repeats }
}

function watchMemory(pid: number): { stop(): { before: number; most: number } } {
  const samples: Promise<number>[] = [residentMiB(pid)]
  const timer = setInterval(() => samples.push(residentMiB(pid)), 200)
  const seen: number[] = []
  const read = async () => seen.push(...(await Promise.all(samples.splice(0))))
  const draining = setInterval(() => void read(), 1_000)
  return {
    stop() {
      clearInterval(timer)
      clearInterval(draining)
      return { before: seen[0] ?? 0, most: Math.max(...seen) }
    },
  }
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024)
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function say(line: string): void {
  console.log(line)
}
