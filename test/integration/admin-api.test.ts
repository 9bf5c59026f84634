import { readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { AdminKey } from '../../src/http/admin-key.ts'
import { registerErrorHandler } from '../../src/http/error-handler.ts'
import { registerAdminRoutes } from '../../src/http/routes/admin.ts'
import { compileValidator } from '../../src/http/validation.ts'
import { RedisRecordTail } from '../../src/store/record-stream.ts'
import { RedisNodeRegistry } from '../../src/store/redis-nodes.ts'
import { RedisUsageReader } from '../../src/store/usage-rollups.ts'
import { expectErrorShape } from '../support/api-errors.ts'
import { runCli as runIn } from '../support/cli-process.ts'
import { silentLog } from '../support/mortal.ts'
import { type RecordBench, startRecordBench, vaultKey } from '../support/records.ts'

const adminKey = 'sk-admin-0123456789'

interface AdminApi extends AsyncDisposable {
  readonly url: string
  get(path: string, key?: string | null): Promise<Response>
}

async function serveAdmin({ redis, reader }: RecordBench, key: string | null = adminKey): Promise<AdminApi> {
  const app = Fastify()
  app.setValidatorCompiler(compileValidator)
  app.setSerializerCompiler(() => JSON.stringify)
  registerErrorHandler(app, silentLog)
  registerAdminRoutes(app, {
    adminKey: key === null ? null : new AdminKey(key),
    usage: new RedisUsageReader(redis),
    budgets: async () => [],
    archive: reader,
    // Nobody here asks for a route.
    route: null as never,
    tail: new RedisRecordTail(redis),
    nodes: new RedisNodeRegistry(redis, []),
    lanes: async () => ({ lanes: [], gates: [] }),
    // Nor erases anything.
    erasing: null as never,
    tenantNames: [],
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    url,
    get: (path_, with_ = adminKey) =>
      fetch(url + path_, { headers: with_ === null ? {} : { authorization: `Bearer ${with_}` } }),
    [Symbol.asyncDispose]: () => app.close(),
  }
}

/** In a folder without a configuration. */
async function runCli(words: readonly string[], { env }: { env: Readonly<Record<string, string>> }) {
  const { exitCode: code, stdout } = await runIn(words, { cwd: tmpdir(), env })
  return { code, stdout }
}

async function jsonLines(response: Response): Promise<Record<string, unknown>[]> {
  return (await response.text())
    .trimEnd()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

describe('the admin API', () => {
  it('opens to the operator’s key only, and is not there without one', async () => {
    await using bench = await startRecordBench()
    await using api = await serveAdmin(bench)
    for (const route of ['/admin/v1/usage', '/admin/v1/ledger', '/admin/v1/audit', '/admin/v1/audit/heads']) {
      expect((await api.get(route)).status).toBe(200)
      for (const wrong of [null, 'sk-admin-0123456788', 'x']) {
        const response = await api.get(route, wrong)
        expect(response.status).toBe(401)
        expect(expectErrorShape(await response.text()).error.code).toBe('invalid_api_key')
      }
    }
    await using closed = await serveAdmin(bench, null)
    const response = await closed.get('/admin/v1/usage')
    expect(response.status).toBe(404)
    expect(expectErrorShape(await response.text()).error.code).toBe('route_not_found')
  })

  it('adds usage up by what is asked for', async () => {
    await using bench = await startRecordBench()
    await using api = await serveAdmin(bench)
    await bench.addJobs(3)
    await bench.addJobs(2, { tenant: 'globex', model: 'slow', tags: {} })
    await bench.recordAll()
    const read = async (query: string) =>
      (await (await api.get(`/admin/v1/usage?${query}`)).json()) as { data: object[] }

    expect((await read('group_by=tenant')).data).toEqual([
      expect.objectContaining({ tenant: 'acme', jobs: 3, micro_usd: 21, cost_usd: 0.000021 }),
      expect.objectContaining({ tenant: 'globex', jobs: 2, tokens_in: 200, tokens_cached: 80 }),
    ])
    expect((await read('group_by=model,deployment,key&tenant=globex')).data).toEqual([
      expect.objectContaining({ model: 'slow', deployment: 'cloud-a', key: 'key_1', jobs: 2, attempts: 2 }),
    ])
    expect((await read('group_by=tag')).data).toMatchObject([
      { tag: 'env=prod', jobs: 3 },
      { tag: 'team=search', jobs: 3 },
    ])
    expect((await read('from=2020-01-01&to=2020-01-31')).data).toEqual([])
    const csv = await (await api.get('/admin/v1/usage?group_by=tenant&format=csv')).text()
    expect(csv.split('\n')[0]).toMatch(/^tenant,jobs,attempts,tokens_in,.*micro_usd,cost_usd$/)
    expect(await jsonLines(await api.get('/admin/v1/usage?format=jsonl'))).toHaveLength(2)
  })

  it.each([
    ['group_by=colour', 'group_by[0]'],
    ['from=yesterday', 'from'],
    ['from=2026-01-02&to=2026-01-01', 'from'],
    ['format=xml', 'format'],
    ['nonsense=1', 'nonsense'],
  ])('refuses %s', async (query, param) => {
    await using bench = await startRecordBench()
    await using api = await serveAdmin(bench)
    const response = await api.get(`/admin/v1/usage?${query}`)
    expect(response.status).toBe(400)
    expect(expectErrorShape(await response.text()).error).toMatchObject({ code: 'invalid_request', param })
  })

  it('exports the ledger with what is not archived yet, each row once', async () => {
    await using bench = await startRecordBench()
    await using api = await serveAdmin(bench)
    const archived = await bench.addJobs(4)
    await bench.recordAll()
    const waiting = await bench.addJobs(2, { tenant: 'globex' })
    const rows = await jsonLines(await api.get('/admin/v1/ledger'))
    expect(rows.map(({ job }) => job)).toEqual([...archived, ...waiting])
    expect(await jsonLines(await api.get('/admin/v1/ledger?tenant=globex'))).toHaveLength(2)
    expect(await jsonLines(await api.get('/admin/v1/ledger?to=2020-01-01'))).toEqual([])
  })

  it('has no row twice and misses none while a recorder archives', async () => {
    await using bench = await startRecordBench()
    await using api = await serveAdmin(bench)
    await bench.addJobs(2_000)
    const recording = bench.recordAll()
    for (let round = 0; round < 5; round++) {
      const rows = await jsonLines(await api.get('/admin/v1/ledger'))
      expect(rows).toHaveLength(2_000)
      expect(new Set(rows.map(({ attempt }) => attempt)).size).toBe(2_000)
    }
    await recording
  })

  it('writes no cell that a spreadsheet would take for a formula', async () => {
    await using bench = await startRecordBench()
    await using api = await serveAdmin(bench)
    await bench.addJobs(1, { model: '=HYPERLINK("http://evil")', tags: { '@sum': '1+1' }, keyId: '-2+3' })
    await bench.recordAll()
    const response = await api.get('/admin/v1/ledger?format=csv')
    expect(response.headers.get('content-type')).toMatch(/^text\/csv/)
    const [head, row = ''] = (await response.text()).trimEnd().split('\n')
    expect(head).toMatch(/^attempt,job,tenant,key,model/)
    expect(row).toContain(`"'=HYPERLINK(""http://evil"")"`)
    for (const cell of row.split(',')) expect(cell).not.toMatch(/^"?[=+\-@]/)
  })

  it('says rather than hides that the files are elsewhere', async () => {
    await using bench = await startRecordBench()
    await using elsewhere = await startRecordBench()
    await using api = await serveAdmin({ ...bench, reader: elsewhere.reader })
    await bench.addJobs(1)
    await bench.recordAll()
    for (const route of ['ledger', 'audit']) {
      const response = await api.get(`/admin/v1/${route}`)
      expect(response.status).toBe(500)
      expect(expectErrorShape(await response.text()).error.message).toContain('data_dir')
    }
  })

  it('shows the audit trail by tenant, by job, and page by page', async () => {
    await using bench = await startRecordBench()
    await using api = await serveAdmin(bench)
    const [first] = await bench.addJobs(2)
    await bench.addJobs(1, { tenant: 'globex' })
    await bench.recordAll()
    const read = async (query: string) =>
      (await (await api.get(`/admin/v1/audit?${query}`)).json()) as { data: { seq: number }[]; has_more: boolean }

    const ofJob = await read(`job=${first}`)
    expect(ofJob.data).toMatchObject([
      { kind: 'decision', facts: { class: 'internal', asked: 'public', found: { EMAIL: 2 }, masked: { EMAIL: 2 } } },
      { kind: 'attempt', facts: { deployment: 'cloud-a', outcome: 'completed', cost: 7 } },
      { kind: 'end', facts: { status: 'completed' } },
    ])
    expect((await read('tenant=globex')).data).toHaveLength(3)
    const page = await read('tenant=acme&limit=4')
    expect({ seqs: page.data.map(({ seq }) => seq), more: page.has_more }).toEqual({ seqs: [1, 2, 3, 4], more: true })
    expect((await read('tenant=acme&after=4')).data.map(({ seq }) => seq)).toEqual([5, 6])
    expect((await read('tenant=..%2F..')).data).toEqual([])
    expect((await api.get('/admin/v1/audit?after=4')).status).toBe(400)
    expect((await api.get('/admin/v1/audit?job=x')).status).toBe(400)
    const heads = (await (await api.get('/admin/v1/audit/heads')).json()) as { data: object[] }
    expect(heads.data).toMatchObject([
      { tenant: 'acme', seq: 6 },
      { tenant: 'globex', seq: 3 },
    ])
  })
})

describe('the command line', () => {
  it('shows usage as a table with money, as JSON and as CSV', async () => {
    await using bench = await startRecordBench()
    await using api = await serveAdmin(bench)
    const env = { SLUICE_ADMIN_KEY: adminKey, SLUICE_URL: api.url }
    expect((await runCli(['usage'], { env })).stdout).toContain('Nothing was used')
    await bench.addJobs(3)
    await bench.recordAll()
    const table = await runCli(['usage', '--by', 'tenant,model'], { env })
    expect(table.stdout).toMatch(/TENANT +MODEL +JOBS/)
    expect(table.stdout).toMatch(/acme +fast +3 +3 +300 +120 +150 +0 +\$0\.000021/)
    expect(table.stdout).toMatch(/total/)
    expect(JSON.parse((await runCli(['usage', '--json'], { env })).stdout)).toMatchObject({ data: [{ jobs: 3 }] })
    expect((await runCli(['usage', '--csv'], { env })).stdout).toMatch(/^day,tenant,jobs/)
    expect((await runCli(['usage'], { env: { ...env, SLUICE_ADMIN_KEY: 'wrong' } })).code).toBe(1)
    expect((await runCli(['usage'], { env: { SLUICE_URL: api.url, SLUICE_ADMIN_KEY: '' } })).code).toBe(2)
    expect((await runCli(['usage', '--by', 'colour'], { env })).code).toBe(1)
  })

  it('verifies a trail against Redis, against an API, or alone, and names what is wrong', async () => {
    await using bench = await startRecordBench()
    await using api = await serveAdmin(bench)
    await bench.addJobs(3)
    await bench.recordAll()
    const args = ['audit', 'verify', '--data-dir', bench.folder]
    const env = { SLUICE_VAULT_KEY: vaultKey.toString('base64'), REDIS_URL: '', SLUICE_ADMIN_KEY: '' }
    const ways = [{}, { REDIS_URL: bench.server.url }, { SLUICE_ADMIN_KEY: adminKey, SLUICE_URL: api.url }]

    for (const way of ways) {
      const { code, stdout } = await runCli([...args, '--json'], { env: { ...env, ...way } })
      const endsChecked = way !== ways[0]
      expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, ok: true, keyChecked: true, endsChecked })
    }
    const blind = await runCli(args, { env: { ...env, SLUICE_VAULT_KEY: '' } })
    expect(blind).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/Seals were not checked[\s\S]*Ends were not checked/),
    })

    const folder = path.join(bench.folder, 'audit/acme')
    const file = path.join(folder, (await readdir(folder))[0] ?? '')
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n')
    await writeFile(file, `${lines.slice(0, -1).join('\n')}\n`)
    for (const way of ways) {
      const { code, stdout } = await runCli(args, { env: { ...env, ...way } })
      expect(code).toBe(way === ways[0] ? 0 : 1)
      if (way !== ways[0]) expect(stdout).toMatch(/entry 9: entry 9 was removed from the end/)
    }
    await writeFile(file, `${lines.join('\n').replace('"cost":7', '"cost":9')}\n`)
    const edited = await runCli(args, { env })
    expect(edited).toMatchObject({ code: 1, stdout: expect.stringMatching(/entry 2: edited.*, line 2\)/) })
    expect((await runCli(['audit', 'verify', '--data-dir', '/nowhere'], { env })).code).toBe(2)
  })
})
