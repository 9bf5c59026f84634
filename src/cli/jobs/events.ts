import { z } from 'zod'
import { isOpen } from '../client/answers.ts'
import type { ApiClient } from '../client/api-client.ts'
import { ConnectionError } from '../client/failures.ts'
import { Patience } from '../client/patience.ts'
import { printJson, printLine } from '../client/run-command.ts'
import type { ServerSentEvent } from '../client/server-sent-events.ts'
import { oneLine, plainText } from '../client/terminal-text.ts'

const terminalEvent = /^job\.(completed|failed|cancelled|expired|rejected)$/

const delta = z.looseObject({
  choices: z.array(z.looseObject({ delta: z.looseObject({ content: z.string().nullish() }).optional() })),
})

/**
 * Prints a job's events until the one that ends it. When the connection drops it comes back with the last id it has
 * seen, so that nothing is missed or printed twice.
 */
export async function followEvents(
  client: ApiClient,
  id: string,
  { after, json }: { after?: string; json?: true },
): Promise<number> {
  const patience = new Patience({ notify: (text) => process.stderr.write(`note: ${text}\n`) })
  const { signal } = new AbortController()
  let lastEventId = after ?? null
  for (let attempt = 0; ; attempt += 1) {
    let received = 0
    try {
      for await (const event of client.followJob(id, lastEventId, signal)) {
        patience.noteAnswer()
        attempt = 0
        received += 1
        lastEventId = event.id ?? lastEventId
        printEvent(event, json === true)
        if (terminalEvent.test(event.event ?? '')) return 0
      }
      // The end of a body is not the end of a job, unless there is nothing after the event that was asked for.
      if (received === 0 && !isOpen((await client.getJob(id)).status)) return 0
      throw new ConnectionError(client.url, 'the stream ended early')
    } catch (error) {
      await patience.recover(error, attempt, signal)
    }
  }
}

function printEvent(event: ServerSentEvent, json: boolean): void {
  const data = parseJson(event.data)
  if (json) printJson({ id: event.id ?? null, event: event.event ?? 'message', data })
  else
    printLine(`${(event.id ?? '').padStart(4)}  ${(event.event ?? 'message').padEnd(16)}  ${describeData(data, event)}`)
}

function describeData(data: unknown, { event, data: text }: ServerSentEvent): string {
  const parsed = event === 'output.delta' ? delta.safeParse(data) : null
  if (parsed?.success) {
    const pieces = parsed.data.choices.map((choice) => choice.delta?.content ?? '')
    return plainText(JSON.stringify(pieces.join('')))
  }
  return text === '{}' ? '' : oneLine(text, 200)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
