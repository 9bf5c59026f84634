import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as z from 'zod'

/**
 * `npm test [-- arguments of vitest]`: vitest with its usual output, the names of what was skipped, and at the very end
 * one line `N passed, N failed, N skipped`. The exit code is vitest's.
 */
const reportSchema = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  testResults: z.array(
    z.object({ status: z.string(), assertionResults: z.array(z.object({ status: z.string(), fullName: z.string() })) }),
  ),
})

// A run of one test by its name skips all the others.
const namesShown = 30

const folder = await mkdtemp(path.join(tmpdir(), 'sluice-test-'))
try {
  const reportFile = path.join(folder, 'report.json')
  const code = await runVitest(reportFile, process.argv.slice(2))
  console.log(await summarize(reportFile, code))
  process.exitCode = code
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function runVitest(reportFile: string, words: readonly string[]): Promise<number> {
  const vitest = path.join(path.dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`]
  const child = spawn(process.execPath, [vitest, 'run', ...reporters, ...words], { stdio: 'inherit' })
  // Ctrl-C reaches vitest by itself, which then ends its servers; the last line comes after that.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  const [code]: unknown[] = await once(child, 'close')
  return typeof code === 'number' ? code : 1
}

async function summarize(reportFile: string, code: number): Promise<string> {
  const report = await readFile(reportFile, 'utf8').then(
    (text) => reportSchema.parse(JSON.parse(text)),
    // vitest did not live to write it.
    () => ({ numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] }),
  )
  const tests = report.testResults.flatMap((file) => file.assertionResults)
  const skipped = tests.filter(({ status }) => status !== 'passed' && status !== 'failed')
  // A file that cannot be loaded fails the run without failing a test; so does an error outside of any test.
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  )
  const failed = report.numFailedTests + brokenFiles.length || (code === 0 ? 0 : 1)
  return [
    ...skipped.slice(0, namesShown).map(({ fullName }) => `skipped: ${fullName}`),
    ...(skipped.length > namesShown ? [`skipped: ${skipped.length - namesShown} more`] : []),
    `${report.numPassedTests} passed, ${failed} failed, ${report.numPendingTests + report.numTodoTests} skipped`,
  ].join('\n')
}
