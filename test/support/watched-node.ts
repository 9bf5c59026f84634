import { presets } from '../../src/compose/runtime.ts'
import type { NodeReport } from '../../src/core/node.ts'
import type { Provider } from '../../src/core/provider.ts'
import type { Residency } from '../../src/core/vocabulary.ts'
import { NodeWatch } from '../../src/node/node-watch.ts'
import type { NodeDeployment } from '../../src/node/watched-deployment.ts'
import { createProvider } from '../../src/providers/registry.ts'
import { Turns } from '../../src/queue/turns.ts'
import { eventually } from './eventually.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

export interface WatchedNode extends AsyncDisposable {
  readonly watch: NodeWatch
  readonly turns: Turns
  /** What it reported last. */
  readonly report: NodeReport
  /** Whether it takes entries. */
  readonly isOpen: boolean
  /** What the registry answers from now on. */
  answer: { mustDrain: boolean; readyElsewhere: readonly string[] }
  providerOf(id: string): Provider
  /** Resolves with a report that was made from now on. */
  nextReport(): Promise<NodeReport>
}

/** A node's watch with a short heartbeat, and nothing around it but a registry that answers what the test says. */
export async function startWatchedNode(options: {
  readonly deployments: readonly (Partial<NodeDeployment> & { id: string; baseUrl: string })[]
  readonly residency?: Residency
  readonly env?: Readonly<Record<string, string>>
  readonly firstByteMs?: number
}): Promise<WatchedNode> {
  const deployments = options.deployments.map((deployment) => ({
    provider: 'ollama',
    model: deployment.id,
    headers: {},
    perNode: true,
    concurrency: undefined,
    ...deployment,
  }))
  const reports: NodeReport[] = []
  let isOpen = true
  const registry = {
    async report(report: NodeReport) {
      reports.push(report)
      return node.answer
    },
    async remove() {},
  }
  const { residency = 'onprem', env = {}, firstByteMs = 5_000 } = options
  const common = { node: 'studio-1', pool: 'studio', transport: 'redis', version: '0.1.0', log: silent } as const
  const watch = new NodeWatch({ ...common, residency, deployments, registry, heartbeatMs: 30, env })
  const providers = new Map(
    deployments.map(({ id, provider, model, baseUrl }) => {
      const timeouts = { connectMs: 1_000, firstByteMs, idleMs: 5_000, totalMs: 10_000 }
      const raw = createProvider({ provider, model, base_url: baseUrl, timeouts, concurrency: 4 }, presets)
      return [id, watch.watch(id, raw)]
    }),
  )
  await watch.look()
  const turns = new Turns({ slots: () => watch.slots(), maxWaitMs: 30_000, places: watch.places(), now: Date.now })
  const consumer = {
    inFlight: 0,
    waiting: 0,
    async pause() {
      isOpen = false
    },
    resume() {
      isOpen = true
    },
  }
  const last = () => {
    const report = reports.at(-1)
    if (!report) throw new Error('the node has not reported')
    return report
  }
  const node: WatchedNode = {
    watch,
    turns,
    answer: { mustDrain: false, readyElsewhere: [] },
    get report() {
      return last()
    },
    get isOpen() {
      return isOpen
    },
    providerOf(id) {
      const provider = providers.get(id)
      if (!provider) throw new Error(`no deployment ${id}`)
      return provider
    },
    async nextReport() {
      const before = reports.length
      // The turn that is under way may have looked before the test changed something.
      await eventually('the node reports twice', () => reports.length >= before + 2)
      return last()
    },
    async [Symbol.asyncDispose]() {
      await watch.stop()
      await Promise.all([...providers.values()].map((provider) => provider.close()))
    },
  }
  await watch.start({ consumer, turns })
  return node
}
