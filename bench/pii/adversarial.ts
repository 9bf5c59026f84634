/**
 * Texts made to make patterns backtrack: `node bench/pii/adversarial.ts [--mb N]`. Each is a megabyte of one kind of
 * trouble, measured against a megabyte of an ordinary log. Exit code 1 when one takes 20 times as long, or when twice the
 * text takes far more than twice the time.
 */
import { parseArgs } from 'node:util'
import { detect } from '../../src/core/pii/detect.ts'
import { attacks, fillWith } from './attacks.ts'
import { makeTexts } from './made-up-texts.ts'

const maxRatio = 20
const maxGrowth = 2.5
/** Times below this are noise, whatever their ratio. */
const shortestMs = 150

const { values: flags } = parseArgs({ options: { mb: { type: 'string', default: '1' }, only: { type: 'string' } } })
const units = Math.round(Number(flags.mb) * 1_000_000)
if (!(units > 0)) {
  process.stderr.write('Usage: node bench/pii/adversarial.ts [--mb N] [--only PART]\n')
  process.exit(2)
}

/** The better of two runs: what else the machine does must not count. */
function timeOf(text: string): number {
  const times = [0, 1].map(() => {
    const started = performance.now()
    detect(text)
    return performance.now() - started
  })
  return Math.min(...times)
}

const ordinary = makeTexts()
  .map(({ text }) => text)
  .join('\n')
for (let round = 0; round < 2; round += 1) detect(ordinary.slice(0, 200_000))
const ordinaryMs = timeOf(fillWith(ordinary, units))
process.stdout.write(`ordinary text: ${ordinaryMs.toFixed(0)} ms\n`)

let failures = 0
for (const { name, seed, filler } of attacks) {
  if (flags.only !== undefined && !name.includes(flags.only)) continue
  const make = (length: number) => fillWith(seed + filler.repeat(filler === '' ? 0 : length), length)
  const halfMs = timeOf(make(units / 2))
  const wholeMs = timeOf(make(units))
  const ratio = wholeMs / ordinaryMs
  const growth = wholeMs / halfMs
  const isBad = ratio >= maxRatio || (growth >= maxGrowth && wholeMs >= shortestMs)
  if (isBad) failures += 1
  const figures = `${wholeMs.toFixed(0).padStart(7)} ms  ${ratio.toFixed(1).padStart(6)}×  t(2n)/t(n) ${growth.toFixed(2)}`
  process.stdout.write(`${isBad ? 'SLOW' : 'ok  '} ${figures}  ${name}\n`)
}
process.exitCode = failures === 0 ? 0 : 1
