import type { AddressInfo, Server, Socket } from 'node:net'

interface CountedServer extends AsyncDisposable {
  readonly port: number
  readonly connections: () => number
}

/** Starts a server that says how many connections came; its open ones end with it. */
export async function listen(owner: Server, host = '127.0.0.1', port = 0): Promise<CountedServer> {
  const sockets = new Set<Socket>()
  let connections = 0
  owner.on('connection', (socket: Socket) => {
    connections += 1
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)))
  })
  await new Promise<void>((resolve) => owner.listen(port, host, resolve))
  return {
    port: (owner.address() as AddressInfo).port,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => owner.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
