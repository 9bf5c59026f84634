import { pipeline, Readable } from 'node:stream'
import { stringify } from 'csv-stringify'
import type { FastifyReply } from 'fastify'

type Row = Readonly<Record<string, unknown>>

/** Answers with rows as they come; a client that is slow slows the reading down, and one that leaves ends it. */
export function sendRows(
  reply: FastifyReply,
  rows: AsyncIterable<Row> | Iterable<Row>,
  options: { format: 'csv' | 'jsonl'; columns: readonly string[]; name: string },
): FastifyReply {
  const { format, columns, name } = options
  reply.header('content-disposition', `attachment; filename="${name}.${format}"`)
  if (format === 'jsonl') {
    return reply.type('application/x-ndjson; charset=utf-8').send(Readable.from(toLines(rows)))
  }
  // A cell that a spreadsheet would take for a formula gets an apostrophe: names and tags come from callers.
  const csv = stringify({ header: true, columns: [...columns], escape_formulas: true, cast: { object: toCell } })
  // What goes wrong on the way destroys the stream, and with it the answer: a client sees that it is not whole.
  pipeline(Readable.from(rows), csv, () => {})
  return reply.type('text/csv; charset=utf-8').send(csv)
}

async function* toLines(rows: AsyncIterable<Row> | Iterable<Row>): AsyncGenerator<string> {
  for await (const row of rows) yield `${JSON.stringify(row)}\n`
}

/** Tags as `team=search;env=prod`. */
function toCell(value: object): string {
  return Object.entries(value)
    .map(([name, each]) => `${name}=${each}`)
    .join(';')
}
