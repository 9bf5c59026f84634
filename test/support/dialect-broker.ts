import type { ConfigInput } from '../../src/config/schema.ts'
import { startSandbox } from '../../src/sandbox/server.ts'
import { dialectSamples } from '../contract/dialect-samples.ts'
import { fakeAnthropic } from '../contract/fake-anthropic.ts'
import { fakeOllama } from '../contract/fake-ollama.ts'
import { startFakeOpenAi } from '../contract/fake-openai.ts'
import { richAnswers } from '../contract/rich-answers.ts'
import { startUpstream } from '../contract/scripted-upstream.ts'
import { startTestBroker, type TestBroker, type TestBrokerOptions } from './broker.ts'

type Models = NonNullable<ConfigInput['models']>
type DeploymentInput = Models[string]['deployments'][number]

/** Presets whose answers in OpenAI's dialect are known; the sandbox answers for itself. */
export const dialectNames = Object.keys(dialectSamples).filter((name) => name !== 'sandbox')
export const richNames = Object.keys(richAnswers)

/**
 * A broker with a model for each way in which an upstream may answer: `openai`, `groq`, … as that preset's samples,
 * `ollama-KIND` and `anthropic-KIND` as those fakes, `rich-KIND` as OpenAI with what few ask for, `sandbox`, and `local`
 * as the script of the test's own upstream says.
 */
export async function startDialectBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  await using cleanup = new AsyncDisposableStack()
  const openAi = cleanup.use(await startFakeOpenAi())
  const ollama = cleanup.use(await startUpstream(fakeOllama))
  const anthropic = cleanup.use(await startUpstream(fakeAnthropic))
  const sandbox = cleanup.use(await startSandbox({}))
  const model = (
    id: string,
    fields: Partial<DeploymentInput> & Pick<DeploymentInput, 'provider' | 'model'>,
  ): Models => ({
    [id]: { deployments: [{ id, pool: 'cloud', free: true, api_key: 'sk-upstream', ...fields }] },
  })
  const openAiUrl = `${openAi.url}/v1`
  const like = (name: string, kind: string, provider: DeploymentInput['provider'] = 'openai-compatible') =>
    model(name, { provider, model: kind, base_url: openAiUrl })
  const models: Models = Object.assign(
    {},
    ...dialectNames.map((name) => like(name, name, name as DeploymentInput['provider'])),
    ...richNames.map((name) => like(`rich-${name}`, name)),
    ...['tools', 'structured', 'breaks off'].map((kind) => like(`openai-${kind.replace(' ', '-')}`, kind)),
    ...['plain', 'thinking', 'tools', 'likely'].map((kind) =>
      model(`ollama-${kind}`, { provider: 'ollama', model: kind, base_url: ollama.url }),
    ),
    ...['plain', 'thinking', 'tools'].map((kind) =>
      model(`anthropic-${kind}`, {
        provider: 'anthropic',
        model: `claude-sonnet-4-5-${kind}`,
        base_url: `${anthropic.url}/v1`,
      }),
    ),
    model('sandbox', { provider: 'openai-compatible', model: 'sandbox', base_url: `${sandbox.url}/v1` }),
    like('embed-openai', 'embed', 'openai'),
    model('embed-ollama', { provider: 'ollama', model: 'embed', base_url: ollama.url }),
  )
  const broker = cleanup.use(await startTestBroker({ ...options, moreModels: models }))
  const owned = cleanup.move()
  return { ...broker, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
