import type { FastifySchemaCompiler } from 'fastify'
import type { z } from 'zod'
import { BrokerError } from '../core/errors.ts'

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

/** Validates what came with a request. The error is ours already: it names the field as the client wrote it. */
export const compileValidator: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const noun = httpPart === 'querystring' ? 'query parameter' : 'field'
  return (data) => {
    const parsed = schema.safeParse(data)
    return parsed.success ? { value: parsed.data } : { error: invalidInput(parsed.error, { noun, parent: [] }) }
  }
}

/** How zod says it of a value that is not there; its issues do not have the value itself. */
const aboutNothing = /^Invalid input: (expected .*), received undefined$/

/**
 * What is wrong first, and where: `messages[0].role`. `parent` is where in the request the value stood that was
 * validated.
 */
export function invalidInput(error: z.ZodError, place: { noun: string; parent: Path }): BrokerError {
  // A name that is not known is often one that is missing, misspelt: to be told that it is missing helps less.
  const first = error.issues.find(({ code }) => code === 'unrecognized_keys') ?? error.issues[0]
  const { path, message } = first ? locate(first, place.parent) : { path: place.parent, message: 'not allowed' }
  if (path.length === 0) return new BrokerError('invalid_request', `Invalid body: ${message}`)
  const param = spell(path)
  const missing = aboutNothing.exec(message)
  if (missing) return new BrokerError('invalid_request', `Missing ${place.noun} ${param}: ${missing[1]}`, { param })
  return new BrokerError('invalid_request', `Invalid ${place.noun} ${param}: ${unrepeated(message)}`, { param })
}

/** Without what has been said already, and without what only we know: that a text of the query became no number. */
function unrepeated(message: string): string {
  return message
    .replace(/^Invalid (?:input|option): /, '')
    .replace('expected number, received NaN', 'expected a number')
}

function locate(issue: Issue, parent: Path): { path: Path; message: string } {
  const path = [...parent, ...issue.path]
  if (issue.code === 'unrecognized_keys') return { path: [...path, issue.keys[0] ?? ''], message: issue.message }
  if (issue.code === 'invalid_key') return { path, message: issue.issues[0]?.message ?? issue.message }
  if (issue.code !== 'invalid_union') return { path, message: issue.message }
  // Of several forms that a value may have, the one that only its length keeps it from is the one that was meant,
  // else the one that it got furthest with.
  if (issue.errors.some((errors) => errors.every(isAboutLength))) return { path, message: issue.message }
  const [furthest] = issue.errors.flat().sort((left, right) => right.path.length - left.path.length)
  return furthest && furthest.path.length > 0 ? locate(furthest, path) : { path, message: issue.message }
}

function isAboutLength({ code, path }: Issue): boolean {
  return path.length === 0 && (code === 'too_big' || code === 'too_small')
}

function spell(path: Path): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? String(part) : `.${String(part)}`))
    .join('')
}
