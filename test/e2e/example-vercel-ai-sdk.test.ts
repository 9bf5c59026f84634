import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { startTestBroker } from '../support/broker.ts'
import { chunkRecord, completion, lastRecords, say } from '../support/chat-upstream.ts'
import { runExample } from '../support/example-process.ts'
import { countSeverities } from '../support/grep-severities.ts'
import { startSluiceUp } from '../support/sluice-up.ts'

const log = 'examples/logs/courier.log'
const command = `node examples/vercel-ai-sdk.ts ${log}`

it('examples/vercel-ai-sdk.ts counts what grep counts, and streams an answer about the log', async () => {
  await using sluice = await startSluiceUp()
  const { exitCode, stdout, stderr } = await runExample(command, sluice)
  expect(stderr.match(/job_[0-9a-f]{32}/g)).toHaveLength(2)
  expect(exitCode).toBe(0)

  const [figures = '', ...rest] = stdout.split('\n')
  const expected = await countSeverities(log)
  expect(JSON.parse(figures)).toEqual(expected)
  expect(expected.error).toBeGreaterThan(0)
  expect(rest.join('\n')).toContain('- 173 lines')
  expect(rest.filter((line) => line.includes('webhook not delivered')).length).toBeGreaterThan(1)
}, 60_000)

it('lets a model that calls tools count in the whole log, each step a job of its own', async () => {
  const severities = { fatal: 0, error: 1, warn: 0, info: 0, debug: 0 }
  const toolCall = {
    index: 0,
    id: 'call_1',
    type: 'function',
    function: { name: 'countLines', arguments: '{"text":"webhook not delivered"}' },
  }
  await using broker = await startTestBroker({
    script: (call, response) => {
      if (!call.stream) {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(completion(JSON.stringify({ lines: 1, severities, templates: [] })))
      } else if (call.request.body.includes('"role":"tool"')) {
        return say('It was the receiver.')(call, response)
      } else {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end(chunkRecord({ role: 'assistant', tool_calls: [toolCall] }) + lastRecords())
      }
      return undefined
    },
  })
  const { exitCode, stdout, stderr } = await runExample(
    command,
    { url: broker.url, apiKey: broker.keys.acme },
    { MODEL: 'local' },
  )
  expect(exitCode, stderr).toBe(0)
  expect(stdout).toContain(JSON.stringify(severities))
  expect(stdout).toContain('It was the receiver.')
  expect(stderr).toContain('countLines {"text":"webhook not delivered"}')
  expect(new Set(stderr.match(/job_[0-9a-f]{32}/g)).size).toBe(3)

  const expected = (await readFile(log, 'utf8')).split('\n').filter((line) => line.includes('webhook not delivered'))
  const { messages } = JSON.parse(broker.upstream.calls.at(-1)?.request.body ?? '')
  const result = JSON.parse(messages.at(-1).content)
  expect(result).toEqual({ count: expected.length, first: expected.slice(0, 3) })
  expect(expected.length).toBeGreaterThan(100)
}, 60_000)

it('says in one line what is wrong, and ends with code 1', async () => {
  await using broker = await startTestBroker()
  const { url, keys } = broker
  expect(await runExample(command, { url, apiKey: 'sk-wrong' })).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'The API key is not known here.\n',
  })
  const unknown = await runExample(command, { url, apiKey: keys.acme }, { MODEL: 'nope' })
  expect(unknown).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(/^No such model.*\n$/) })
}, 60_000)
