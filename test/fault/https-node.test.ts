import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { platform } from 'node:os'
import { describe, expect, it } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { chunkRecord, echo } from '../support/chat-upstream.ts'
import { eventually } from '../support/eventually.ts'
import { httpsPools, nodeToken } from '../support/https-node.ts'
import { RoleProcess } from '../support/role-process.ts'

/** Has neither Redis nor a configuration, nor a vault key. */
function startNode(broker: TestBroker, node: string): RoleProcess {
  const { REDIS_URL: _, SLUICE_CONFIG: __, SLUICE_VAULT_KEY: ___, ...env } = process.env
  const words = ['dispatcher', '--broker', broker.url, '--pool', 'studio', '--node', node]
  return new RoleProcess(words, { ...env, SLUICE_NODE_TOKEN: nodeToken, LOG_LEVEL: 'info' })
}

describe('a node over HTTPS in a process of its own', () => {
  it('leaves its job to another node within two leases when it is killed in the middle of a stream', async () => {
    await using broker = await startTestBroker({
      redisPools: [],
      config: { pools: httpsPools },
      script: (call, response) => {
        if (call.number > 1) return echo(call, response)
        // The first one never comes to its end.
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(chunkRecord({ content: 'begun ' }))
      },
    })
    await using cleanup = new AsyncDisposableStack()
    const first = startNode(broker, 'mac-1')
    cleanup.defer(async () => void (await first.end('SIGKILL')))
    await first.ready
    const body = { stream: true, messages: [{ role: 'user', content: 'echo: finished elsewhere' }] }
    const json = { model: 'local', input: { endpoint: '/v1/chat/completions', body } }
    const { id } = (await (await broker.send('/v1/jobs', { json })).json()) as { id: string }
    await eventually('the first node has written something', async () => {
      return (await broker.redis.hget(`sluice:job:${id}`, 'output')) === '1'
    })
    const second = startNode(broker, 'mac-2')
    cleanup.defer(async () => void (await second.end('SIGKILL')))
    await second.ready
    await first.end('SIGKILL')
    const killedMs = Date.now()
    await broker.upstream.callOf(({ number }) => number === 2)
    const takenOverMs = Date.now() - killedMs
    console.log(
      `over HTTPS: taken over ${takenOverMs} ms after the kill, with leases of ${broker.config.leases.duration} ms`,
    )
    const job = await (await broker.send(`/v1/jobs/${id}?wait=20`)).json()
    expect(job).toMatchObject({
      status: 'completed',
      attempts: [{ outcome: 'worker_lost' }, { outcome: 'completed' }],
      result: { choices: [{ message: { content: 'finished elsewhere' } }] },
    })
    // The lock runs out after a lease at most; who looks for such locks does so twice in a lease.
    expect(takenOverMs).toBeLessThan(2 * broker.config.leases.duration)
  }, 60_000)

  it.runIf(platform() === 'linux')(
    'listens on no port',
    async () => {
      await using broker = await startTestBroker({ redisPools: [], config: { pools: httpsPools } })
      await using cleanup = new AsyncDisposableStack()
      const node = startNode(broker, 'mac-1')
      cleanup.defer(async () => void (await node.end('SIGKILL')))
      await node.ready
      const json = { model: 'local', messages: [{ role: 'user', content: 'echo: hello' }] }
      expect((await broker.send('/v1/chat/completions', { json })).status).toBe(200)
      // This process does listen, so the way of looking works.
      expect(listeningSockets(process.pid)).not.toEqual([])
      expect(listeningSockets(node.pid ?? 0)).toEqual([])
    },
    60_000,
  )
})

/** Local addresses in /proc's spelling. */
function listeningSockets(pid: number): string[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readTarget(`/proc/${pid}/fd/${descriptor}`)) ?? []
      return inode === undefined ? [] : [inode]
    }),
  )
  return ['tcp', 'tcp6'].flatMap((protocol) =>
    readFileSync(`/proc/net/${protocol}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === '0A' && inode !== undefined && inodes.has(inode))
      .map(([, address = '']) => address),
  )
}

/** Descriptors may be closed while they are looked at. */
function readTarget(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
