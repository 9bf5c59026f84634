import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

// Below the range from which systems take ports for outgoing connections (32768 on Linux, 49152 on macOS): there a port
// can be gone when a server wants it back after a crash, and a client that calls a closed port can reach itself.
const lowestPort = 20_000
const highestPort = 32_000
const attempts = 5

/** A port on loopback that is free at this moment. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = randomInt(lowestPort, highestPort)
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    server.close()
    if (isFree) return port
  }
}

/** Runs `launch` with a free port, and again with another when somebody took that port in between. */
export async function onFreePort<Result>(launch: (port: number) => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(await findFreePort())
    } catch (error) {
      const isTaken = error instanceof Error && /address already in use/i.test(error.message)
      if (!isTaken || attempt === attempts) throw error
    }
  }
}
