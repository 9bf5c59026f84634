import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const linesKept = 40

/** A role of Sluice in a process of its own, started through the command line. */
export class RoleProcess {
  readonly #words: readonly string[]
  readonly #env: NodeJS.ProcessEnv
  #child: ChildProcess
  #ready: Promise<void>
  #lines: string[] = []

  constructor(words: readonly string[], env: NodeJS.ProcessEnv) {
    this.#words = words
    this.#env = env
    ;({ child: this.#child, ready: this.#ready } = this.#spawn())
  }

  /** Resolves when the process that runs now is at work. */
  get ready(): Promise<void> {
    return this.#ready
  }

  /** Of the process that runs now. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  /** What it said last, for the message of a test that fails. */
  get lastWords(): string {
    return this.#lines.join('\n')
  }

  /** Kills it without a warning, and starts it again at once. Resolves when the old one is dead. */
  async replace(): Promise<void> {
    const dead = this.end('SIGKILL')
    this.start()
    await dead
  }

  /** Starts it again after it was ended. */
  start(): void {
    ;({ child: this.#child, ready: this.#ready } = this.#spawn())
  }

  /** Ends it and leaves it ended. Resolves with its exit code, null when the signal ended it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
    return child.exitCode
  }

  #spawn(): { child: ChildProcess; ready: Promise<void> } {
    const child = spawn(process.execPath, [main, ...this.#words], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ready = new Promise<void>((resolve, reject) => {
      const read = (line: string) => {
        this.#lines.push(line)
        if (this.#lines.length > linesKept) this.#lines.shift()
        if (/is ready"|^ready: /.test(line)) resolve()
      }
      if (child.stdout) createInterface({ input: child.stdout }).on('line', read)
      if (child.stderr) createInterface({ input: child.stderr }).on('line', read)
      child.once('exit', (code, signal) => {
        reject(new Error(`${this.#words[0]} ended (${code ?? signal}) before it was ready:\n${this.lastWords}`))
      })
    })
    // Whoever waits for it gets the error; a process that is killed while it starts is nobody's surprise.
    ready.catch(() => undefined)
    return { child, ready }
  }
}
