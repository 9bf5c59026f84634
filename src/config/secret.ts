import { inspect } from 'node:util'

const hidden = '***'

/**
 * A key, a password or a URL that carries one. It prints as `***` wherever something turns it into text: templates,
 * JSON, `console.log`, log lines. Only `reveal()` gives the value, so every place that uses one can be found by name.
 *
 * The value is a private field, which `structuredClone` and worker messages do not copy: on the other side arrives an
 * empty object. For the same reason `toEqual` in a test takes any two secrets for equal; compare what they reveal.
 */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** The value itself. Never put it into an error, a log line or an answer. */
  reveal(): string {
    return this.#text
  }

  toString(): string {
    return hidden
  }

  toJSON(): string {
    return hidden
  }

  [Symbol.toPrimitive](): string {
    return hidden
  }

  [inspect.custom](): string {
    return hidden
  }
}
