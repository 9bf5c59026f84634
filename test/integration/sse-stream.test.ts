import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, it } from 'vitest'
import { SseStream, sseRecord } from '../../src/http/sse.ts'

it('makes its writer wait for a slow reader, as often as it takes, and leaves no listeners behind', async () => {
  const records = 60
  const record = sseRecord(JSON.stringify('x'.repeat(200_000)))
  let waits = 0
  let listeners = 0
  const server = createServer(async (_request, response: ServerResponse) => {
    const stream = new SseStream(response, {})
    for (let count = 0; count < records; count += 1) {
      const written = stream.write(record)
      if (response.writableNeedDrain) waits += 1
      await written
      listeners = Math.max(listeners, response.listenerCount('close'), response.listenerCount('drain'))
    }
    stream.end()
  }).listen(0, '127.0.0.1')
  try {
    await once(server, 'listening')
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const text = await response.text()
    expect(text.split('\n\n').filter((each) => each.startsWith('data: '))).toHaveLength(records)
    expect(waits).toBeGreaterThan(10)
    expect(listeners).toBeLessThan(5)
  } finally {
    server.close()
  }
})

it('lets its writer go when the reader leaves while it waits', async () => {
  const blocked = Promise.withResolvers<void>()
  const done = Promise.withResolvers<boolean>()
  const server = createServer(async (_request, response) => {
    const stream = new SseStream(response, {})
    while (!stream.closed) {
      const written = stream.write(sseRecord(JSON.stringify('x'.repeat(200_000))))
      if (response.writableNeedDrain) blocked.resolve()
      await written
    }
    done.resolve(stream.closed)
  }).listen(0, '127.0.0.1')
  try {
    await once(server, 'listening')
    // It asks and never reads.
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').pause()
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    await blocked.promise
    socket.destroy()
    expect(await done.promise).toBe(true)
  } finally {
    server.close()
  }
})
