import type { ConfigInput } from '../config/schema.ts'
import type { Logger } from '../core/telemetry.ts'
import { BrokerClient } from '../remote/broker-client.ts'
import { HeldJobs } from '../remote/held-jobs.ts'
import { RemoteConsumer } from '../remote/remote-consumer.ts'
import { RemoteGates, RemoteNodeRegistry } from '../remote/remote-gates.ts'
import { RemoteJobStore, RemoteQueues } from '../remote/remote-job-store.ts'
import { StopListener } from '../remote/stop-listener.ts'
import type { DispatcherLink } from './dispatcher-link.ts'

export interface HttpsLinkOptions {
  /** `https://host[:port][/prefix]`. */
  readonly broker: string
  readonly token: string
  readonly pool: string
  readonly node: string
  readonly log: Logger
}

export interface HttpsLink extends DispatcherLink {
  /** The pool's deployments in the words of `sluice.yaml`, as the broker knows them, without their keys. */
  readonly offered: { readonly config: ConfigInput; readonly keyed: readonly string[] }
}

/**
 * A dispatcher's way to the broker where there is nothing but an outbound connection. Asks the broker first, and waits
 * for it where it is away: a Mac may be up before its network.
 * @throws BrokerRefusal for a wrong token, pool or release.
 */
export async function createHttpsLink(options: HttpsLinkOptions): Promise<HttpsLink> {
  const { log } = options
  const broker = new BrokerClient({ ...options, url: options.broker })
  try {
    const { leaseMs, config, keyed } = await broker.readConfig('always')
    const jobs = new HeldJobs()
    const stops = new StopListener(broker, jobs, log)
    return {
      transport: 'https',
      offered: { config: config as unknown as ConfigInput, keyed },
      store: new RemoteJobStore(broker, jobs),
      queues: new RemoteQueues(broker, jobs),
      gates: new RemoteGates(broker, jobs),
      registry: new RemoteNodeRegistry(broker),
      consume: (wanted) => new RemoteConsumer({ ...wanted, broker, jobs, leaseMs, onLost: stops.lost, log }),
      direct: null,
      // Its sisters on Redis don't hear it, and it does not hear them.
      shareWork: () => null,
      async onStop(listener) {
        stops.start(listener)
      },
      async checkReady() {
        await broker.readConfig('never')
      },
      close: () => broker.close(),
    }
  } catch (error) {
    await broker.close()
    throw error
  }
}
