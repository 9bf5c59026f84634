import type { JobId } from '../core/job.ts'
import type { Logger } from '../core/telemetry.ts'
import { maxWaitMs } from '../protocol/node-calls.ts'
import type { BrokerClient } from './broker-client.ts'
import type { HeldJobs } from './held-jobs.ts'

/**
 * Hears which jobs this node must stop working on: by a long poll that never ends, and by what the renewal of leases says
 * besides. Each poll names the claims of this node, so what happened between two of them is not missed.
 */
export class StopListener {
  readonly #broker: BrokerClient
  readonly #jobs: HeldJobs
  readonly #log: Logger
  #listener: (id: JobId) => void = () => undefined

  constructor(broker: BrokerClient, jobs: HeldJobs, log: Logger) {
    this.#broker = broker
    this.#jobs = jobs
    this.#log = log
  }

  start(listener: (id: JobId) => void): void {
    this.#listener = listener
    void this.#run()
  }

  readonly lost = (attempts: readonly string[]): void => {
    for (const attempt of attempts) {
      const id = this.#jobs.stop(attempt)
      if (id !== null) this.#listener(id)
    }
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#broker.isClosed; ) {
      try {
        const request = { attempts: this.#jobs.attempts, waitMs: maxWaitMs }
        const { stopped, lostAttempts } = await this.#broker.call('stops', request, { waitMs: maxWaitMs })
        failures = 0
        for (const id of stopped) this.#listener(id)
        this.lost(lostAttempts)
      } catch (error) {
        if (this.#broker.isClosed) return
        this.#log.debug({ err: error }, 'stops could not be heard; it is tried again')
        failures += 1
        await this.#broker.pause(failures)
      }
    }
  }
}
