import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { modelList } from '../../src/http/schemas.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'

/** What the API says about itself. */
let broker: TestBroker
beforeAll(async () => {
  // With a token for nodes, so that their routes are there.
  const studio = { residency: 'onprem' as const, node_tokens: ['node-token-0123456789'] }
  broker = await startTestBroker({ config: { pools: { studio, cloud: { residency: 'cloud' } } } })
})
afterAll(() => broker[Symbol.asyncDispose]())

describe('the API', () => {
  it('lists the models of a key, and shows each', async () => {
    const list = modelList.parse(await (await broker.send('/v1/models')).json())
    expect(list.data.map(({ id }) => id)).toEqual(['local', 'cloud', 'both'])
    expect(await (await broker.send('/v1/models/both')).json()).toEqual(list.data[2])
  })

  it('is alive and ready without a key', async () => {
    for (const [path, status] of [
      ['/health/live', 'live'],
      ['/health/ready', 'ready'],
    ] as const) {
      const response = await broker.send(path, { tenant: null })
      expect(response.status).toBe(200)
      expect(await response.json()).toEqual({ status })
    }
  })

  it('counts what it does for Prometheus', async () => {
    const body = { messages: [{ role: 'user', content: 'echo: five' }] }
    const json = { model: 'local', input: { endpoint: '/v1/chat/completions', body } }
    const { urls } = (await (await broker.send('/v1/jobs', { json })).json()) as { urls: { self: string } }
    await broker.send(`${urls.self}?wait=30`)
    const response = await broker.send('/metrics', { tenant: null })
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/)
    const text = await response.text()
    expect(text).toMatch(/^sluice_jobs_finished_total\{.*model="local".*status="completed".*\} [1-9]/m)
    expect(text).toMatch(/^sluice_http_request_duration_seconds_count\{.*route="\/v1\/jobs\/:id".*\} [1-9]/m)
    expect(text).toMatch(/^sluice_lane_depth\{.*queue="lane\.studio\.restricted\.batch".*\} 0/m)
  })
})

describe('/openapi.json', () => {
  interface Operation {
    readonly summary?: string
    readonly parameters?: readonly { name: string; in: string }[]
    readonly requestBody?: unknown
    readonly responses: Readonly<Record<string, unknown>>
  }
  type Document = {
    openapi: string
    info: object
    paths: Record<string, Record<string, Operation>>
    components: object
  }
  let document: Document
  beforeAll(async () => {
    document = (await (await broker.send('/openapi.json', { tenant: null })).json()) as Document
  })

  it('is an OpenAPI 3.1 document in which every reference leads somewhere', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/)
    expect(document.info).toMatchObject({ title: 'Sluice', version: expect.any(String) })
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, target]) => target ?? '')
    expect(references.length).toBeGreaterThan(5)
    for (const reference of new Set(references)) {
      const parts = reference.replace(/^#\//, '').split('/')
      const target = parts.reduce<unknown>(
        (node, part) => (node as Record<string, unknown> | undefined)?.[part],
        document,
      )
      expect(target, reference).toBeTypeOf('object')
    }
  })

  it('describes each operation, its parameters and its answers', () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        const name = `${method} ${path}`
        expect(operation.summary, name).toBeTypeOf('string')
        expect(Object.keys(operation.responses).length, name).toBeGreaterThan(0)
        const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter)
        const described = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
        expect(
          described.map((parameter) => parameter.name),
          name,
        ).toEqual(inPath)
      }
    }
    const { post: create } = document.paths['/v1/jobs'] ?? {}
    expect(create?.requestBody).toBeDefined()
    expect(create?.parameters?.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['idempotency-key', 'x-sluice-priority', 'x-sluice-sensitivity', 'x-sluice-deadline']),
    )
  })

  it('lists every route that the source registers', () => {
    const root = resolve(import.meta.dirname, '../..')
    const sources = globSync('src/http/routes/*.ts', { cwd: root }).map((file) =>
      readFileSync(join(root, file), 'utf8'),
    )
    const registered = sources.flatMap((text) =>
      [...text.matchAll(/\.(get|post|patch|delete|put)\(\s*'(\/[^']*)'/g)].map(
        ([, method, path]) => `${method} ${path?.replace(/:(\w+)/g, '{$1}')}`,
      ),
    )
    expect(registered.length).toBeGreaterThan(10)
    const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    )
    expect(registered.filter((route) => !listed.includes(route))).toEqual([])
  })
})
