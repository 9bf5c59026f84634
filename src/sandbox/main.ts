/** Runs the sandbox as a process of its own: `node src/sandbox/main.ts --port 4010`. */
import { fstatSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { startSandbox } from './server.ts'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    host: { type: 'string', default: '127.0.0.1' },
    'token-delay-ms': { type: 'string', default: process.env.SANDBOX_TOKEN_DELAY_MS ?? '0' },
    capture: { type: 'boolean', default: false },
  },
})

const sandbox = await startSandbox({
  port: z.coerce.number().int().min(0).max(65_535).parse(values.port),
  host: values.host,
  tokenDelayMs: z.coerce.number().min(0).parse(values['token-delay-ms']),
  capture: values.capture,
})
console.log(`ready: ${sandbox.url}`)

const stop = () => void sandbox.close().then(() => process.exit(0))
process.once('SIGTERM', stop)
process.once('SIGINT', stop)
// A parent that holds our standard input open takes us with it when it dies. A terminal or /dev/null is no parent.
const standardInput = fstatSync(0)
if (standardInput.isFIFO() || standardInput.isSocket()) process.stdin.on('end', stop).resume()
