import { expect } from 'vitest'
import type { z } from 'zod'
import type { SendOptions, TestBroker } from './broker.ts'
import { eventually } from './eventually.ts'
import { type ResponseEventFields, responseEvent, responseObject } from './openai-responses.ts'
import { dataOf, isComment, readRecords, typeOf } from './sse-reader.ts'

export type ShownResponse = z.infer<typeof responseObject>

export interface ResponseCalls {
  /** `POST /v1/responses` for the model `local`, unless `json` has another. */
  create(json: object, options?: SendOptions): Promise<Response>
  /** What follows `/v1/responses/`. */
  read(path: string, options?: SendOptions): Promise<Response>
  /** The response when it waits and runs no more. */
  ended(id: string): Promise<ShownResponse>
}

/** Calls to a broker that is there by the time of the first of them. */
export function responseCalls(broker: () => TestBroker): ResponseCalls {
  const read = (path: string, options: SendOptions = {}) => broker().send(`/v1/responses/${path}`, options)
  return {
    create: (json, options = {}) => broker().send('/v1/responses', { json: { model: 'local', ...json }, ...options }),
    read,
    ended: (id) =>
      eventually(`the end of ${id}`, async () => {
        const response = await shown(await read(id))
        return response.status === 'queued' || response.status === 'in_progress' ? null : response
      }),
  }
}

export const jobOf = (id: string): string => id.replace('resp_', 'job_')

/** The id of a response that is streamed. */
export function idIn(answer: Response): string {
  return (answer.headers.get('x-sluice-job-id') ?? '').replace('job_', 'resp_')
}

/** A 200 with a response as OpenAI's schema has it. */
export async function shown(answer: Response): Promise<ShownResponse> {
  const text = await answer.text()
  expect(answer.status, text).toBe(200)
  return responseObject.parse(JSON.parse(text))
}

export const textOf = ({ output }: ShownResponse): string =>
  output
    .flatMap((item) => (item.type === 'message' ? item.content : []))
    .map((part) => ('text' in part ? part.text : ''))
    .join('')

/** The records of a stream but for comments. */
export async function recordsOf(answer: Response): Promise<string[]> {
  expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/)
  return (await Array.fromAsync(readRecords(answer))).filter((record) => !isComment(record))
}

/** The events of records, each as OpenAI's schema has it and written as OpenAI writes it. */
export function eventsIn(records: readonly string[]): ResponseEventFields[] {
  return records.map((record) => {
    const event = responseEvent.parse(JSON.parse(dataOf(record)))
    expect(typeOf(record)).toBe(event.type)
    expect(record).toBe(`event: ${event.type}\ndata: ${dataOf(record)}\n\n`)
    return event
  })
}

export const saidIn = (events: readonly ResponseEventFields[]): string =>
  events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('')
