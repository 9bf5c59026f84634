import type { SourceValue } from './read-source.ts'

/** What a variable holds; decides what stands in for it when the result is checked. */
export type VariableKind = 'secret' | 'url' | 'host' | 'port' | 'redis' | 'dollars' | 'region' | 'text'

export interface Variable {
  readonly name: string
  readonly kind: VariableKind
  readonly purpose: string
}

const standIns: Readonly<Record<VariableKind, (name: string) => string>> = {
  secret: (name) => `stand-in-for-${name}`,
  url: () => 'https://stand-in.invalid',
  host: () => 'stand-in.invalid',
  port: () => '6379',
  redis: () => 'redis://stand-in.invalid:6379',
  dollars: () => '1',
  region: () => 'us-east-1',
  text: () => 'stand-in',
}

/** The variables that the result reads. */
export class Environment {
  readonly #variables = new Map<string, Variable>()

  /** `${NAME}`, and remembers that it must be set. */
  refer(name: string, kind: VariableKind, purpose: string): string {
    const clean = toVariableName(name)
    if (!this.#variables.has(clean)) this.#variables.set(clean, { name: clean, kind, purpose })
    return `\${${clean}}`
  }

  /** What a value of the file becomes: a reference for `os.environ/NAME`, otherwise itself. */
  convert(value: string, kind: VariableKind, purpose: string): string {
    const name = environmentName(value)
    return name === null ? asLiteral(value) : this.refer(name, kind, purpose)
  }

  get variables(): readonly Variable[] {
    return [...this.#variables.values()].sort((left, right) => (left.name < right.name ? -1 : 1))
  }

  /** Values with which the result can be checked although nobody has set the variables. */
  get standIns(): Record<string, string> {
    return Object.fromEntries(this.variables.map(({ name, kind }) => [name, standIns[kind](name)]))
  }
}

/** The name in `os.environ/NAME`; null for other values. */
export function environmentName(value: SourceValue | undefined): string | null {
  if (typeof value !== 'string') return null
  return /^\s{0,10}os\.environ\/(\S{1,200})\s{0,10}$/.exec(value)?.[1] ?? null
}

/** Text that our own references must not be found in. */
function asLiteral(text: string): string {
  return text.replaceAll('${', '$${')
}

/** `gpt-4o mini` → `GPT_4O_MINI` where it is no name of a variable as it is. */
export function toVariableName(text: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(text)) return text
  const name = text
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_|_$/g, '')
    .toUpperCase()
  return /^[A-Z]/.test(name) ? name : `V_${name}`
}
