import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ValkeyInstance } from './valkey-instance.ts'
import { type StartMessage, servingMessage, startMessageSchema } from './wasm-messages.ts'
import { keepAppendOnlyFile, keepSnapshots } from './wasm-persistence.ts'
import { webAssembly } from './web-assembly.ts'

/**
 * The process that runs Valkey as WebAssembly; `wasm-launcher.ts` starts it. It serves from the first message until
 * SIGTERM or the death of its parent, and saves before it exits.
 */
const maintenanceMs = 1_000
const trapExitCode = 70

const ending = new AbortController()
process.once('SIGTERM', () => ending.abort())
process.once('disconnect', () => ending.abort())
process.once('message', (message) => {
  serve(startMessageSchema.parse(message)).catch((error: unknown) => {
    // The parent passes it on.
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  })
})

async function serve(start: StartMessage): Promise<void> {
  let valkey: ValkeyInstance | undefined
  // It listens first: whether the port can be had should be known before any data is touched.
  const server = createServer({ noDelay: true }, (socket) => (valkey ? valkey.attach(socket) : socket.destroy()))
  server.listen(start.port, '127.0.0.1')
  await once(server, 'listening')
  const persistence = (start.persistence === 'append-only' ? keepAppendOnlyFile : keepSnapshots)({
    module: new webAssembly.Module(readFileSync(start.wasmFile)),
    folder: start.folder,
    port: start.port,
    password: start.password,
    onFatal: (error) => {
      console.error('Valkey trapped:', error)
      process.exit(trapExitCode)
    },
  })
  valkey = await persistence.boot()
  process.send?.(servingMessage)
  while (!ending.signal.aborted) {
    await sleep(maintenanceMs, undefined, { signal: ending.signal }).catch(() => {})
    valkey = await persistence.maintain(valkey)
  }
  server.close()
  await persistence.close(valkey)
  process.exit(0)
}
