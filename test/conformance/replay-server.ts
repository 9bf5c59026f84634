import type { ServerResponse } from 'node:http'
import { letReaderRead, type ScriptedUpstream, startUpstream } from '../contract/scripted-upstream.ts'
import { cut, type Records } from './chat-streams.ts'

type Streams = Readonly<Record<string, Records>>

/** A plain server that sends, by path, the stream of this name to whoever asks for a model of this name. */
export function startReplayServer(streams: Readonly<Record<string, Streams>>): Promise<ScriptedUpstream> {
  return startUpstream((response, request) => {
    const { model } = JSON.parse(request.body) as { model: string }
    return sendRecords(response, streams[request.path]?.[model] ?? [])
  })
}

/** Sends the records one by one, each when its reader could have read those before. */
export async function sendRecords(response: ServerResponse, records: Records): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const record of records) {
    if (record === cut) return void response.destroy()
    response.write(record)
    await letReaderRead()
  }
  response.end()
}
