import { connect, createServer, type Socket } from 'node:net'
import { onFreePort } from '../../src/store/embedded/free-port.ts'

/** A way to Redis that can lose a reply: Redis has done what it was told, and the connection breaks before it says so. */
export interface LossyProxy extends AsyncDisposable {
  readonly url: string
  /** Breaks every connection instead of passing on what Redis says next. Connections made later are whole. */
  loseNextReply(): void
}

export async function startLossyProxy(redisUrl: string): Promise<LossyProxy> {
  const target = new URL(redisUrl)
  const sockets = new Set<Socket>()
  const losing = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    const end = () => {
      client.destroy()
      upstream.destroy()
      sockets.delete(upstream)
      losing.delete(upstream)
    }
    sockets.add(upstream)
    client.on('data', (data) => upstream.write(data))
    upstream.on('data', (data) => {
      if (losing.has(upstream)) end()
      else client.write(data)
    })
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end)
  })
  const port = await onFreePort(async (free) => {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(free, '127.0.0.1', resolve)
    })
    return free
  })
  const url = new URL(redisUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return {
    url: url.href,
    loseNextReply: () => {
      for (const socket of sockets) losing.add(socket)
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
