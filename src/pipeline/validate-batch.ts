import { setImmediate as nextTurn } from 'node:timers/promises'
import { type BatchError, type BatchSpec, maxBatchErrors, maxBatchLines } from '../core/batch.ts'
import { type BatchRequest, hashCustomId, type LineReader, type ReadLine } from '../core/batch-line.ts'
import { isBlank, splitLines, type TextLine } from '../core/text-lines.ts'
import { type FileDeps, readFileContent } from './read-file.ts'

export interface ValidateDeps extends FileDeps {
  /** Reads lines for this endpoint, as this tenant may send them. */
  readonly lineReaderFor: (spec: Pick<BatchSpec, 'endpoint' | 'tenant'>) => LineReader
  /** Largest line, in bytes. */
  readonly maxLineBytes: number
}

export type Validation =
  /** `model` is null where lines ask for different ones. */
  | { readonly kind: 'valid'; readonly total: number; readonly model: string | null }
  | { readonly kind: 'invalid'; readonly errors: readonly BatchError[] }

/** How long the event loop is held at most, in milliseconds: others may share the process. */
const sliceMs = 10
const sampleEvery = 16

/**
 * Looks through the input of a batch, line by line. Of each line only the hash of its name is kept.
 * @throws Error where `keepOn` says so, or the file can't be read
 */
export async function validateBatch(
  spec: BatchSpec,
  deps: ValidateDeps,
  keepOn: () => Promise<void> = async () => {},
): Promise<Validation> {
  const problems = new Problems()
  const findings = new Findings(deps.lineReaderFor(spec), problems)
  const content = readFileContent(spec.inputFile, deps)
  let sliceStartMs = performance.now()
  let seen = 0
  for await (const line of splitLines(content, { maxBytes: deps.maxLineBytes })) {
    findings.look(line)
    if (findings.total > maxBatchLines) break
    seen += 1
    if (seen % sampleEvery !== 0 || performance.now() - sliceStartMs < sliceMs) continue
    await nextTurn()
    await keepOn()
    sliceStartMs = performance.now()
  }
  return findings.conclude()
}

class Findings {
  total = 0
  readonly #read: LineReader
  readonly #problems: Problems
  /** The line where a name came first, by the name's hash. */
  readonly #names = new Map<string, number>()
  readonly #models = new Set<string>()

  constructor(read: LineReader, problems: Problems) {
    this.#read = read
    this.#problems = problems
  }

  look(line: TextLine): void {
    if (isBlank(line)) return
    this.total += 1
    if (this.total > maxBatchLines) return
    const read = line.bytes === null ? tooLong : this.#read(line.bytes)
    if (read.kind === 'problem') this.#problems.add({ ...read.problem, line: line.number })
    else this.#note(read.request, line.number)
  }

  #note({ customId, model }: BatchRequest, line: number): void {
    if (this.#models.size < 2) this.#models.add(model)
    const name = hashCustomId(customId)
    const first = this.#names.get(name)
    if (first === undefined) {
      this.#names.set(name, line)
      return
    }
    const message = `The custom_id of this line is that of line ${first} already; it must be unique within the file.`
    this.#problems.add({ code: 'duplicate_custom_id', message, param: 'custom_id', line })
  }

  conclude(): Validation {
    if (this.total > maxBatchLines) {
      this.#problems.addFirst({
        code: 'too_many_lines',
        message: `The file has more than ${maxBatchLines.toLocaleString('en')} requests.`,
        param: null,
        line: null,
      })
    }
    if (this.total === 0) {
      this.#problems.add({ code: 'empty_file', message: 'The file has no requests.', param: null, line: null })
    }
    if (!this.#problems.isEmpty) return { kind: 'invalid', errors: this.#problems.list() }
    const [model = null] = this.#models.size === 1 ? this.#models : []
    return { kind: 'valid', total: this.total, model }
  }
}

class Problems {
  readonly #errors: BatchError[] = []
  #more = 0

  get isEmpty(): boolean {
    return this.#errors.length === 0
  }

  add(error: BatchError): void {
    if (this.#errors.length < maxBatchErrors - 1) this.#errors.push(error)
    else this.#more += 1
  }

  addFirst(error: BatchError): void {
    this.#errors.unshift(error)
  }

  list(): readonly BatchError[] {
    if (this.#more === 0) return this.#errors
    const message = `${this.#more} more lines have errors.`
    return [...this.#errors, { code: 'more_errors', message, param: null, line: null }]
  }
}

const tooLong: ReadLine = {
  kind: 'problem',
  problem: { code: 'body_too_large', message: 'This line is longer than the server takes.', param: null },
}
