import { GenericContainer, getContainerRuntimeClient, Wait } from 'testcontainers'
import { findFreePort } from '../../src/store/embedded/free-port.ts'
import { connectRedis, untilReady } from '../../src/store/redis.ts'
import type { TestRedis } from './redis.ts'

const image = 'valkey/valkey:8-alpine'
const redisPort = 6379

/** A Valkey in a container of its own. Its port on the host is fixed, or a restart would give it another. */
export async function startContainerRedis(): Promise<TestRedis> {
  const started = await new GenericContainer(image)
    .withExposedPorts({ container: redisPort, host: await findFreePort() })
    .withCommand(['--appendonly', 'yes', '--maxmemory-policy', 'noeviction', '--save', ''])
    .withWaitStrategy(Wait.forListeningPorts())
    .start()
  const url = `redis://${started.getHost()}:${started.getMappedPort(redisPort)}`
  const { container: runtime } = await getContainerRuntimeClient()
  const container = runtime.getById(started.getId())
  const stop = async () => {
    await container.remove({ force: true, v: true })
  }
  await untilServing(url)
  return {
    url,
    kind: 'container',
    kill: async (signal = 'SIGKILL') => {
      // The kernel ignores SIGSTOP from inside a container to its first process; pausing is the same from outside.
      if (signal === 'SIGSTOP') await container.pause()
      else if (signal === 'SIGCONT') await container.unpause()
      else {
        await container.kill({ signal })
        await container.wait({ condition: 'not-running' })
      }
    },
    restart: async () => {
      const { State: state } = await container.inspect()
      if (state.Paused) await container.unpause()
      if (state.Running) await container.stop()
      await container.start()
      await untilServing(url)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function untilServing(url: string): Promise<void> {
  const redis = connectRedis(url, 'worker')
  await untilReady(redis, 30_000).finally(() => redis.disconnect())
}
