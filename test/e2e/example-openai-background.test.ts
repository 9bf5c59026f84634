import { expect, it } from 'vitest'
import { startTestBroker } from '../support/broker.ts'
import { startCuttableProxy } from '../support/cuttable-proxy.ts'
import { eventually } from '../support/eventually.ts'
import { runExample, startExample } from '../support/example-process.ts'
import { stepwise } from '../support/stepwise-upstream.ts'

const log = 'examples/logs/courier.log'
const program = 'node examples/openai-background.ts'
const words = ['The ', 'receiver ', 'was ', 'away ', 'for ', 'a ', 'minute.']
const whole = words.join('')
const idIn = (text: string) => /resp_[0-9a-f]{32}/.exec(text)?.[0] ?? 'no id'

it('examples/openai-background.ts is killed, and another run has the whole answer, as does one after the end', async () => {
  const steps = stepwise(words)
  await using broker = await startTestBroker({ script: steps.script })
  const target = { url: broker.url, apiKey: broker.keys.acme }
  await using first = startExample(`${program} ${log}`, target, { MODEL: 'local' })
  for (let step = 0; step < 3; step += 1) steps.sendNext()
  await first.written(/was $/)
  await first.kill()
  expect(first.output.stdout).toBe('The receiver was ')

  const id = idIn(first.output.stderr)
  await using second = startExample(`${program} ${id}`, target)
  await second.written(/was $/)
  for (let step = 3; step < words.length; step += 1) steps.sendNext()
  expect(await second.ended, second.output.stderr).toBe(0)
  expect(second.output).toEqual({ stdout: `${whole}\n`, stderr: 'completed: 12 tokens\n' })

  const third = await runExample(`${program} ${id}`, target)
  expect(third).toEqual({ exitCode: 0, stdout: `${whole}\n`, stderr: 'completed: 12 tokens\n' })
  expect(broker.upstream.calls).toHaveLength(1)
}, 60_000)

it('goes on without losing or repeating a word after the network was cut', async () => {
  const steps = stepwise(words)
  await using broker = await startTestBroker({ script: steps.script })
  await using proxy = await startCuttableProxy(broker.url)
  const target = { url: proxy.url, apiKey: broker.keys.acme }
  await using example = startExample(`${program} ${log}`, target, { MODEL: 'local' })
  steps.sendNext()
  steps.sendNext()
  await example.written(/receiver $/)
  proxy.cut()
  await example.written(/broken off after event/)
  for (let step = 2; step < words.length; step += 1) steps.sendNext()
  await eventually('the whole answer at Sluice', steps.isDone)
  proxy.mend()
  expect(await example.ended, example.output.stderr).toBe(0)
  expect(example.output.stdout).toBe(`${whole}\n`)
}, 60_000)

it('ends with code 1 and the reason when the model fails', async () => {
  await using broker = await startTestBroker({
    script: (_call, response) =>
      void response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":{}}'),
  })
  const target = { url: broker.url, apiKey: broker.keys.acme }
  const failed = await runExample(`${program} ${log}`, target, { MODEL: 'local' })
  expect(failed).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/^\n?$/) })
  expect(failed.stderr).toMatch(/^failed: .*refused/m)
  const unknown = await runExample(`${program} resp_0123456789abcdef0123456789abcdef`, target)
  expect(unknown).toEqual({ exitCode: 1, stdout: '', stderr: '404 No such response for this key.\n' })
}, 60_000)
