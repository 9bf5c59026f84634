import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { connectRedis } from '../../src/store/redis.ts'
import { type Watched, watchBudgets } from './budget-watcher.ts'

interface Task {
  readonly redisUrl: string
  readonly counters: readonly string[]
}

/** `watchBudgets` in a thread of its own: a test that sends thousands of requests has no time to look. */
export class WatcherThread {
  readonly #thread: Worker

  constructor(task: Task) {
    this.#thread = new Worker(new URL(import.meta.url), { workerData: task })
  }

  /** Looks for the last time. */
  async stop(): Promise<Watched> {
    const told = new Promise<Watched>((resolve, reject) => {
      this.#thread.once('message', resolve)
      this.#thread.once('error', reject)
    })
    this.#thread.postMessage('stop')
    return told.finally(() => this.#thread.terminate())
  }
}

function watch({ redisUrl, counters }: Task): void {
  const watcher = watchBudgets(connectRedis(redisUrl, 'worker'), counters)
  parentPort?.once('message', async () => parentPort?.postMessage(await watcher.stop()))
}

if (!isMainThread && parentPort && workerData?.counters) watch(workerData as Task)
