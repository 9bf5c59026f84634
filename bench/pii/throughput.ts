/**
 * How fast texts are audited: `node bench/pii/throughput.ts [FILE …] [--steps]`. Without files it reads made-up texts of
 * the usual kinds. Times are CPU times of the thread, so that what else runs on the machine does not count.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { detect } from '../../src/core/pii/detect.ts'
import { Masker } from '../../src/core/pii/mask.ts'
import { normalize } from '../../src/core/pii/normalize.ts'
import { profiles } from '../../src/core/pii/profiles.ts'
import { recognizers } from '../../src/core/pii/registry.ts'
import { quantile } from '../statistics.ts'
import { cpuMs } from './cpu-clock.ts'
import { type MadeUpText, makeTexts } from './made-up-texts.ts'

export interface AuditingSpeed {
  readonly text: string
  /** MB per second of one core: detection alone, and with placeholders and vault. */
  readonly detectMbPerSecond: number
  readonly maskMbPerSecond: number
  /** One 4 KB prompt, detection and masking. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly floorMbPerSecond: number
}

const promptBytes = 4096
/** What an auditor has to reach, for machine text and for prose with names. */
const floors = { logs: 20, prose: 2 } as const
const p99GoalMs = 5

/** Measures texts of the usual kinds; takes a few seconds. */
export function measureAuditing(texts: readonly MadeUpText[] = makeTexts()): AuditingSpeed[] {
  return texts.map(({ name, kind, text }) => {
    const prompts = cut(text, promptBytes)
    const entities = kind === 'logs' ? profiles.logs : profiles.strict
    const maskAll = (prompt: string) => new Masker().mask(prompt, detect(prompt, entities))
    const latencies = latenciesMs(prompts, maskAll)
    return {
      text: name,
      detectMbPerSecond: mbPerSecond(prompts, (prompt) => detect(prompt, entities)),
      maskMbPerSecond: mbPerSecond(prompts, maskAll),
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
      floorMbPerSecond: floors[kind],
    }
  })
}

/** Per second of CPU time, after the compiler has seen the code. Long enough for a clock that ticks every 4 ms. */
function mbPerSecond(prompts: readonly string[], work: (prompt: string) => unknown): number {
  for (const prompt of prompts) work(prompt)
  const bytes = prompts.reduce((sum, prompt) => sum + Buffer.byteLength(prompt), 0)
  const started = cpuMs()
  let rounds = 0
  for (; cpuMs() - started < shortestRunMs; rounds += 1) for (const prompt of prompts) work(prompt)
  return (rounds * bytes) / 1000 / (cpuMs() - started)
}
const shortestRunMs = 400

/** The best of three of each prompt: what else the machine does must not count. */
function latenciesMs(prompts: readonly string[], work: (prompt: string) => unknown): number[] {
  for (const prompt of prompts) work(prompt)
  return prompts.map((prompt) => {
    const times = [0, 1, 2].map(() => {
      const started = performance.now()
      work(prompt)
      return performance.now() - started
    })
    return Math.min(...times)
  })
}

export function formatAuditing(speeds: readonly AuditingSpeed[]): string {
  const head = ['text', 'detect MB/s', 'detect + mask MB/s', 'floor MB/s', '4 KB p50 ms', '4 KB p99 ms', 'goal p99 ms']
  const table = new Table({ head, style: { head: [], border: [] } })
  for (const { text, detectMbPerSecond, maskMbPerSecond, floorMbPerSecond, p50Ms, p99Ms } of speeds) {
    const figures = [detectMbPerSecond.toFixed(1), maskMbPerSecond.toFixed(1), String(floorMbPerSecond)]
    table.push([text, ...figures, p50Ms.toFixed(2), p99Ms.toFixed(2), String(p99GoalMs)])
  }
  return `Auditing, one core\n${table.toString()}`
}

/** Pieces of about so many signs that end at line ends. */
function cut(text: string, size: number): string[] {
  const pieces: string[] = []
  for (let from = 0; from < text.length; ) {
    const lineEnd = text.lastIndexOf('\n', from + size)
    const end = lineEnd > from ? lineEnd + 1 : from + size
    pieces.push(text.slice(from, end))
    from = end
  }
  return pieces
}

/** Where the time goes: normalising, reading, and each recognizer by itself. */
function formatSteps(text: string): string {
  const prompts = cut(text, promptBytes)
  const spent = new Map<string, number>()
  const time = <Result>(step: string, work: () => Result): Result => {
    const started = performance.now()
    const result = work()
    spent.set(step, (spent.get(step) ?? 0) + performance.now() - started)
    return result
  }
  for (let round = 0; round < Math.max(3, 4_000_000 / text.length); round += 1) {
    spent.clear()
    for (const prompt of prompts) {
      const { scan } = time('(normalise, words)', () => normalize(prompt))
      time('(digit groups)', () => scan.digitGroups(1))
      time('(codes)', () => scan.codes)
      for (const [index, recognizer] of recognizers.entries()) {
        time(`${recognizer.entity} #${index}`, () => recognizer.find(scan))
      }
    }
  }
  const megabytes = Buffer.byteLength(text) / 1e6
  const steps = [...spent].sort(([, left], [, right]) => right - left)
  const total = steps.reduce((sum, [, ms]) => sum + ms, 0)
  const lines = steps.map(([step, ms]) => `${step.padEnd(24)} ${(ms / megabytes).toFixed(2).padStart(7)} ms/MB`)
  return [...lines, `${'all'.padEnd(24)} ${(total / megabytes).toFixed(2).padStart(7)} ms/MB`].join('\n')
}

if (import.meta.main) {
  const options = { steps: { type: 'boolean', default: false }, prose: { type: 'boolean', default: false } } as const
  const { values: flags, positionals } = parseArgs({ allowPositionals: true, options })
  const kind = flags.prose ? 'prose' : 'logs'
  const texts =
    positionals.length > 0
      ? positionals.map((file) => ({ name: file, kind, text: readFileSync(file, 'utf8') }) as const)
      : makeTexts()
  if (flags.steps) for (const { name, text } of texts) process.stdout.write(`${name}\n${formatSteps(text)}\n\n`)
  else process.stdout.write(`${formatAuditing(measureAuditing(texts))}\n`)
}
