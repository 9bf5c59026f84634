/** Runs the sandbox as a process of its own: `node src/sandbox/main.ts --port 4010`. */
import { fstatSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { startSandbox } from './server.ts'

const usage = `Usage: node src/sandbox/main.ts [options]

An upstream that speaks OpenAI's chat and embeddings, offline, and misbehaves when it is told to.

  --port N             port to listen on; default: a free one
  --host ADDRESS       default: 127.0.0.1; whoever reaches it may set faults
  --token-delay-ms N   pause between the tokens of a stream
  --capture            keep the latest requests: GET /requests shows them
  --help               this text

POST /faults with a list of rules sets faults, DELETE /faults takes them away:
  curl http://127.0.0.1:4010/faults -d '[{"fault": "rate_limit", "retry_after_s": 5, "times": 3}]'
Their names and fields are in src/sandbox/faults.ts.`

/** Tells somebody at a terminal what is wrong, without a stack. */
function refuse(message: string): never {
  console.error(`${message}\n\n${usage}`)
  process.exit(2)
}

function readFlags() {
  try {
    return parseArgs({
      options: {
        port: { type: 'string', default: '0' },
        host: { type: 'string', default: '127.0.0.1' },
        'token-delay-ms': { type: 'string', default: process.env.SANDBOX_TOKEN_DELAY_MS ?? '0' },
        capture: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    return refuse(error instanceof Error ? error.message : 'unknown options')
  }
}

function readNumber(flag: string, text: string, schema: z.ZodType<number>): number {
  const { success, data } = schema.safeParse(text)
  return success ? data : refuse(`${flag} ${text}: no such value`)
}

const flags = readFlags()
if (flags.help) {
  console.log(usage)
  process.exit(0)
}
const sandbox = await startSandbox({
  port: readNumber('--port', flags.port, z.coerce.number().int().min(0).max(65_535)),
  host: flags.host,
  tokenDelayMs: readNumber('--token-delay-ms', flags['token-delay-ms'], z.coerce.number().min(0)),
  capture: flags.capture,
})
console.log(`ready: ${sandbox.url}`)

const stop = () => void sandbox.close().then(() => process.exit(0))
process.once('SIGTERM', stop)
process.once('SIGINT', stop)
// A parent that holds our standard input open takes us with it when it dies. A terminal or /dev/null is no parent.
const standardInput = fstatSync(0)
if (standardInput.isFIFO() || standardInput.isSocket()) process.stdin.on('end', stop).resume()
