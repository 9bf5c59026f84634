import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { connectRedis } from '../../src/store/redis.ts'
import { startTestBroker } from '../support/broker.ts'
import type { TestRedis } from '../support/redis.ts'

/** Makes the Redis user that `docs/mac-studio.md` names, as somebody who follows the page would; returns its URL. */
async function createStudioUser(server: TestRedis): Promise<string> {
  const page = await readFile(new URL('../../docs/mac-studio.md', import.meta.url), 'utf8')
  const command = /^ACL (SETUSER studio [^`]+)```/m.exec(page)?.[1]
  if (command === undefined) throw new Error('docs/mac-studio.md has no user for the studio')
  // A selector in brackets is one word.
  const words = (command.match(/\([^)]+\)|\S+/g) ?? []).map((word) => word.replace('PASSWORD', 'studio-password'))
  const admin = connectRedis(server.url, 'worker')
  await admin.call('ACL', ...words).finally(() => admin.disconnect())
  const url = new URL(server.url)
  url.username = 'studio'
  url.password = 'studio-password'
  return url.href
}

describe('the Redis user of docs/mac-studio.md', () => {
  it('is all that a node on the premises needs', async () => {
    await using broker = await startTestBroker({
      dispatcherRedis: async (pool, server) => (pool === 'studio' ? createStudioUser(server) : server.url),
      config: { nodes: { heartbeat: '500ms', look_ahead: 8 } },
    })
    const body = { messages: [{ role: 'user', content: 'echo: here' }] }
    const submit = async (sensitivity: string) => {
      const json = { model: 'local', sensitivity, input: { endpoint: '/v1/chat/completions', body } }
      return ((await (await broker.send('/v1/jobs', { json })).json()) as { id: string }).id
    }
    const classes = ['public', 'internal', 'restricted']
    const ids = await Promise.all(Array.from({ length: 30 }, (_, number) => submit(classes[number % 3] ?? 'public')))
    for (const id of ids) {
      const ended = await broker.send(`/v1/jobs/${id}?wait=30`)
      expect(await ended.json()).toMatchObject({ status: 'completed' })
    }
    expect(broker.logText()).not.toMatch(/NOPERM|No permissions/)
    const answer = await broker.send('/admin/v1/nodes', { headers: { authorization: `Bearer ${broker.adminKey}` } })
    expect(await answer.json()).toMatchObject({ data: [{ name: 'test-cloud' }, { name: 'test-studio' }] })
  })

  it('is refused vaults, sealed bodies, other pools’ bodies, answers and intake', async () => {
    await using broker = await startTestBroker()
    const own = connectRedis(await createStudioUser(broker.server), 'worker')
    try {
      const id = 'job_00000000000000000000000000000000'
      const reads = [
        () => own.hgetall(`sluice:private:${id}`),
        () => own.get(`sluice:body:cloud:${id}`),
        () => own.get(`sluice:result:${id}`),
        () => own.lrange(`sluice:events:${id}`, 0, -1),
        () => own.xrange('sluice:records', '-', '+'),
        () => own.lrange('sluice:queue:intake.batch.internal:wait', 0, -1),
        () => own.hgetall('sluice:nodes:cloud'),
      ]
      for (const read of reads) await expect(read()).rejects.toThrow(/NOPERM|No permissions/)
    } finally {
      own.disconnect()
    }
  })
})
