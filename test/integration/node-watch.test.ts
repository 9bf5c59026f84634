import { describe, expect, it } from 'vitest'
import { sensitivities } from '../../src/core/vocabulary.ts'
import { startUpstream } from '../contract/scripted-upstream.ts'
import { eventually } from '../support/eventually.ts'
import { SimulatedOllama } from '../support/simulated-ollama.ts'
import { startWatchedNode, type WatchedNode } from '../support/watched-node.ts'

const chat = { bodyJson: '{"messages":[{"role":"user","content":"hello"}]}', headers: {} }

function stateOf({ report }: WatchedNode, id: string) {
  return report.deployments.find((deployment) => deployment.id === id)
}

/** What becomes of a job of each class: `called`, or the kind of the refusal. */
function fateOf({ watch }: WatchedNode, id: string): string[] {
  return sensitivities.map((sensitivity) => watch.refusalOf(id, sensitivity)?.kind ?? 'called')
}

describe('what a node finds on its machine', () => {
  it('is what its Ollama has and has loaded, and how many calls it works on', async () => {
    await using ollama = await SimulatedOllama.start({
      models: [{ name: 'llama3.1:latest' }, { name: 'qwen3:8b' }],
      isCloudDisabled: true,
    })
    ollama.loaded = 'qwen3:8b'
    const deployments = [
      { id: 'llama', model: 'llama3.1', baseUrl: ollama.url },
      { id: 'qwen', model: 'qwen3:8b', baseUrl: ollama.url },
    ]
    await using node = await startWatchedNode({ deployments, env: { OLLAMA_NUM_PARALLEL: '3' } })
    expect(node.report.runtimes).toEqual([
      {
        kind: 'ollama',
        url: ollama.url,
        version: '0.30.1',
        parallel: 3,
        cloud: 'off',
        models: [
          { name: 'llama3.1:latest', isLoaded: false, sizeBytes: 4_000_000_000, isRemote: false },
          { name: 'qwen3:8b', isLoaded: true, sizeBytes: 4_000_000_000, isRemote: false },
        ],
      },
    ])
    expect(node.report.deployments).toEqual([
      { id: 'llama', isReady: true, reason: null, isLoaded: false, servesFrom: 'here' },
      { id: 'qwen', isReady: true, reason: null, isLoaded: true, servesFrom: 'here' },
    ])
    expect(node.report.memory.totalBytes).toBeGreaterThan(node.report.memory.freeBytes)
    expect(node.report.slots).toBe(6)
    expect(node.turns.isWarm('qwen')).toBe(true)
    expect(node.turns.isWarm('llama')).toBe(false)
    expect(ollama.calls).toEqual([])
  })

  it.each([
    [
      'llama.cpp',
      { '/health': { status: 'ok' }, '/props': { total_slots: 4 }, '/v1/models': { data: [{ id: 'm' }] } },
      4,
      true,
    ],
    ['llama.cpp', { '/health': {}, '/slots': [{ is_processing: false }, { is_processing: false }] }, 2, true],
    ['mlx', { '/v1/models': { data: [{ id: 'm' }] } }, null, true],
    ['vllm', { '/v1/models': { data: [{ id: 'm' }] }, '/version': { version: '0.11' } }, null, true],
    ['vllm', { '/v1/models': { data: [{ id: 'other' }] } }, null, false],
    [
      'lm-studio',
      {
        '/api/v1/models': {
          models: [{ key: 'm', size_bytes: 9, loaded_instances: [{ id: 'm', config: { parallel: 2 } }] }],
        },
      },
      2,
      true,
    ],
    ['lm-studio', { '/v1/models': { data: [{ id: 'm' }] } }, null, true],
  ])('is a %s with %j', async (provider, answers, parallel, isReady) => {
    await using server = await startUpstream((response, request) => {
      const answer = (answers as Record<string, unknown>)[request.path]
      response
        .writeHead(answer ? 200 : 404, { 'content-type': 'application/json' })
        .end(answer ? JSON.stringify(answer) : '{}')
    })
    await using node = await startWatchedNode({
      deployments: [{ id: 'm', provider, baseUrl: `${server.url}/v1` }],
    })
    expect(node.report.runtimes).toMatchObject([{ kind: provider, url: server.url, parallel, cloud: 'off' }])
    expect(stateOf(node, 'm')).toMatchObject({ isReady, servesFrom: 'here' })
    expect(fateOf(node, 'm')).toEqual(Array(3).fill(isReady ? 'called' : 'not_ready'))
  })

  it('is nothing where the pool is a cloud’s: nobody is asked', async () => {
    await using ollama = await SimulatedOllama.start({ models: [] })
    await using node = await startWatchedNode({ deployments: [{ id: 'm', baseUrl: ollama.url }], residency: 'cloud' })
    expect(ollama.asked).toEqual([])
    expect(node.report.deployments).toEqual([
      { id: 'm', isReady: true, reason: null, isLoaded: null, servesFrom: 'cloud' },
    ])
    expect(fateOf(node, 'm')).toEqual(['called', 'called', 'called'])
  })
})

describe('a deployment', () => {
  it('is not ready while its model is missing or its server is away, and is again when that is over', async () => {
    await using ollama = await SimulatedOllama.start({ models: [] })
    await using node = await startWatchedNode({ deployments: [{ id: 'm', baseUrl: ollama.url }] })
    expect(stateOf(node, 'm')).toMatchObject({ isReady: false, reason: 'the server has no model m' })
    ollama.models = [{ name: 'm:latest' }]
    await eventually('it is ready', () => stateOf(node, 'm')?.isReady)
    await ollama.close()
    await eventually('it is not', () => !stateOf(node, 'm')?.isReady)
    expect(stateOf(node, 'm')?.reason).toBe('the server does not answer (ECONNREFUSED)')
    expect(node.watch.isReady('m')).toBe(false)
    await ollama.listen()
    await eventually('it is again', () => stateOf(node, 'm')?.isReady)
  })

  it('is not ready while a llama.cpp loads its model', async () => {
    let status = 503
    await using server = await startUpstream((response) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
    })
    await using node = await startWatchedNode({
      deployments: [{ id: 'm', provider: 'llama.cpp', baseUrl: `${server.url}/v1` }],
    })
    expect(stateOf(node, 'm')?.reason).toBe('the server is loading its model')
    status = 200
    await eventually('it is ready', () => stateOf(node, 'm')?.isReady)
  })
})

describe('the limit of a deployment', () => {
  it('is learned from a server that comes later than the node', async () => {
    let status = 503
    await using server = await startUpstream((response, request) => {
      const answer = request.path === '/props' ? { total_slots: 4 } : {}
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    })
    await using node = await startWatchedNode({
      deployments: [{ id: 'm', provider: 'llama.cpp', baseUrl: `${server.url}/v1` }],
      env: { OLLAMA_NUM_PARALLEL: '9' },
    })
    expect(node.watch.slots()).toBe(1)
    status = 200
    await eventually('it is known', () => node.watch.slots() === 4)
    expect((await node.nextReport()).slots).toBe(4)
  })

  it('leaves out the slots of a llama.cpp that go on with what nobody waits for', async () => {
    let busy = 0
    await using server = await startUpstream((response, request) => {
      const slots = [0, 1, 2].map((id) => ({ id, is_processing: id < busy }))
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(request.path === '/slots' ? slots : {}))
    })
    await using node = await startWatchedNode({
      deployments: [{ id: 'm', provider: 'llama.cpp', baseUrl: `${server.url}/v1` }],
    })
    const limit = () => node.watch.places().get('m')?.limit()
    expect(limit()).toBe(3)
    busy = 2
    await eventually('it makes one call at a time', () => limit() === 1)
    busy = 3
    await eventually('it makes none', () => limit() === 0)
    busy = 0
    await eventually('it makes all of them again', () => limit() === 3)
  })
})

describe('an Ollama model that is served by somebody’s cloud', () => {
  it.each([
    ['has a cloud tag', 'm:120b-cloud', [{ name: 'm:120b-cloud' }], true, 'cloud', 'forbidden'],
    [
      'has a remote host',
      'm',
      [{ name: 'm:latest', remote_host: 'https://ollama.com:443' }],
      true,
      'cloud',
      'forbidden',
    ],
    ['is listed as local', 'm', [{ name: 'm:latest' }], false, 'here', 'called'],
    ['is listed as local by a server without a status', 'm', [{ name: 'm:latest' }], null, 'here', 'called'],
    ['is not listed while the cloud is on', 'm', [], false, 'unknown', 'not_ready'],
    ['is not listed by a server without a status', 'm', [], null, 'unknown', 'not_ready'],
  ])('is known: one that %s', async (_what, model, models, isCloudDisabled, servesFrom, kind) => {
    await using ollama = await SimulatedOllama.start({ models, isCloudDisabled })
    await using node = await startWatchedNode({ deployments: [{ id: 'm', model, baseUrl: ollama.url }] })
    expect(stateOf(node, 'm')?.servesFrom).toBe(servesFrom)
    expect(fateOf(node, 'm')).toEqual([kind, kind, kind])
    expect(stateOf(node, 'm')?.isReady).toBe(kind === 'called')
  })

  it('is found behind OpenAI’s dialect, and nothing is sent there before the server is known', async () => {
    await using ollama = await SimulatedOllama.start({ models: [{ name: 'm', remote_host: 'https://ollama.com:443' }] })
    await using other = await startUpstream((response) => void response.writeHead(404).end())
    const provider = 'openai-compatible'
    await using node = await startWatchedNode({
      deployments: [
        { id: 'm', provider, baseUrl: `${ollama.url}/v1` },
        { id: 'other', provider, baseUrl: `${other.url}/v1` },
        { id: 'away', provider, baseUrl: 'http://127.0.0.1:1/v1' },
      ],
    })
    expect(fateOf(node, 'm')).toEqual(['forbidden', 'forbidden', 'forbidden'])
    expect(fateOf(node, 'other')).toEqual(['called', 'called', 'called'])
    expect(fateOf(node, 'away')).toEqual(['not_ready', 'not_ready', 'not_ready'])
    expect(stateOf(node, 'away')?.reason).toBe('the server does not answer (ECONNREFUSED)')
  })

  it('is refused as soon as the node sees that it became one', async () => {
    await using ollama = await SimulatedOllama.start({ models: [{ name: 'm' }] })
    await using node = await startWatchedNode({ deployments: [{ id: 'm', baseUrl: ollama.url }] })
    expect(fateOf(node, 'm')).toEqual(['called', 'called', 'called'])
    ollama.models = [{ name: 'm', remote_host: 'https://ollama.com:443' }]
    await node.nextReport()
    expect(fateOf(node, 'm')).toEqual(['forbidden', 'forbidden', 'forbidden'])
  })
})

describe('a server that generates nothing while it answers all else', () => {
  it('is suspected after one silence, probed with one token while idle, and trusted again when that is given', async () => {
    await using ollama = await SimulatedOllama.start({ models: [{ name: 'm' }] })
    await using node = await startWatchedNode({ deployments: [{ id: 'm', baseUrl: ollama.url }], firstByteMs: 600 })
    ollama.isDead = true
    const call = node.providerOf('m').complete({ ...chat, signal: new AbortController().signal })
    await expect(call).rejects.toMatchObject({ failure: 'first_byte_timeout' })
    expect(fateOf(node, 'm')).toEqual(Array(3).fill('not_ready'))
    expect((await node.nextReport()).deployments).toMatchObject([
      { isReady: false, reason: 'suspected after first_byte_timeout' },
    ])
    ollama.isDead = false
    await eventually('it is trusted again', () => node.watch.isReady('m'))
    expect(ollama.calls).toMatchObject([{ prompt: 'ping', mostTokens: 1 }])
  })

  it('is not probed as routine, nor while it works', async () => {
    await using ollama = await SimulatedOllama.start({ models: [{ name: 'm' }, { name: 'busy' }] })
    const deployments = ['m', 'busy'].map((id) => ({ id, baseUrl: ollama.url }))
    await using node = await startWatchedNode({ deployments, firstByteMs: 600 })
    await node.nextReport()
    expect(ollama.calls).toEqual([])
    const turn = await node.turns.take({ deployment: 'busy', priority: 'standard' }, new AbortController().signal)
    ollama.isDead = true
    const call = node.providerOf('m').complete({ ...chat, signal: new AbortController().signal })
    await expect(call).rejects.toMatchObject({ failure: 'first_byte_timeout' })
    ollama.isDead = false
    for (let reports = 0; reports < 30; reports += 1) await node.nextReport()
    expect(ollama.calls).toEqual([])
    turn?.end()
    await eventually('it is trusted again', () => node.watch.isReady('m'))
    expect(ollama.calls).toHaveLength(1)
  })

  it('is not suspected because a caller hung up', async () => {
    await using ollama = await SimulatedOllama.start({ models: [{ name: 'm' }] })
    await using node = await startWatchedNode({ deployments: [{ id: 'm', baseUrl: ollama.url }] })
    ollama.isDead = true
    const abort = new AbortController()
    const call = node.providerOf('m').complete({ ...chat, signal: abort.signal })
    abort.abort()
    await expect(call).rejects.toMatchObject({ failure: 'aborted' })
    expect(node.watch.isReady('m')).toBe(true)
  })
})

describe('a node', () => {
  it('goes on reporting while a server takes questions and does not answer them', async () => {
    await using server = await startUpstream(() => {})
    await using node = await startWatchedNode({ deployments: [{ id: 'm', baseUrl: server.url }] })
    const before = server.requests.length
    for (let reports = 0; reports < 5; reports += 1) await node.nextReport()
    expect(server.requests.length - before).toBeLessThanOrEqual(2)
    expect(stateOf(node, 'm')).toMatchObject({
      isReady: false,
      reason: 'the server does not answer (no answer in time)',
    })
  })

  it('takes nothing while it is told to drain', async () => {
    await using ollama = await SimulatedOllama.start({ models: [{ name: 'm' }] })
    await using node = await startWatchedNode({ deployments: [{ id: 'm', baseUrl: ollama.url }] })
    expect(node.isOpen).toBe(true)
    node.answer = { mustDrain: true, readyElsewhere: [] }
    await eventually('it is closed', () => !node.isOpen)
    expect((await node.nextReport()).isDraining).toBe(true)
    node.answer = { mustDrain: false, readyElsewhere: [] }
    await eventually('it is open', () => node.isOpen)
  })

  it('takes nothing while it is good for nothing that others are not good for', async () => {
    await using node = await startWatchedNode({ deployments: [{ id: 'm', baseUrl: 'http://127.0.0.1:1' }] })
    await node.nextReport()
    // Nobody else is: its jobs must find another way.
    expect(node.isOpen).toBe(true)
    expect(node.watch.refusalOf('m', 'public')).toMatchObject({ kind: 'not_ready', isElsewhere: false })
    node.answer = { mustDrain: false, readyElsewhere: ['m'] }
    await eventually('it is closed', () => !node.isOpen)
    expect(node.watch.refusalOf('m', 'public')).toMatchObject({ kind: 'not_ready', isElsewhere: true })
  })
})
