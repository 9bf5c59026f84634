import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '../..')

/** An example that runs as a process of its own. */
export interface ExampleProcess extends AsyncDisposable {
  /** All that it has written so far. */
  readonly output: { readonly stdout: string; readonly stderr: string }
  /** Resolves when it has written this, to wherever; rejects when it ends before. */
  written(pattern: RegExp): Promise<void>
  /** Ends it as a crash does. */
  kill(): Promise<void>
  /** Resolves with its exit code when it has ended by itself, null when it was killed. */
  readonly ended: Promise<number | null>
}

export interface ExampleEnd {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Which Sluice, and with which key. */
export interface ExampleTarget {
  readonly url: string
  readonly apiKey: string
}

/** Starts an example by the line that its header tells users to type: `node examples/x.ts …`, in the repository. */
export function startExample(
  line: string,
  { url, apiKey }: ExampleTarget,
  env: Readonly<Record<string, string>> = {},
): ExampleProcess {
  // The system's node may be too old; and what surrounds the tests must not decide what an example does.
  const PATH = `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH}`
  const child = spawn('/bin/sh', ['-c', `exec ${line}`], {
    cwd: root,
    env: { PATH, SLUICE_URL: url, SLUICE_API_KEY: apiKey, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  const looks = new Set<() => void>()
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text
      for (const look of looks) look()
    })
  }
  const ended = once(child, 'close').then(([exitCode]) => exitCode as number | null)
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  const written = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!pattern.test(output.stdout) && !pattern.test(output.stderr)) return
        looks.delete(look)
        resolve()
      }
      looks.add(look)
      look()
      void ended.then(() => reject(new Error(`It ended before it wrote ${pattern}: ${JSON.stringify(output)}`)))
    })
  return { output, written, kill, ended, [Symbol.asyncDispose]: kill }
}

/** Runs an example to its end. */
export async function runExample(...how: Parameters<typeof startExample>): Promise<ExampleEnd> {
  await using example = startExample(...how)
  return { exitCode: await example.ended, ...example.output }
}
