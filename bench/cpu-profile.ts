/** Reads V8's `.cpuprofile` files: where a process spent its time within a window of the monotonic clock. */
import { relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}
interface ProfileNode {
  readonly id: number
  readonly callFrame: CallFrame
  readonly children?: readonly number[]
}
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  /** Microseconds of the clock that `process.hrtime` reads too. */
  readonly startTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface TimeWindow {
  readonly fromUs: number
  readonly toUs: number
}

/** Microseconds by name. Idle time is left out of all but `idleUs`. */
export interface ProfileSummary {
  busyUs: number
  idleUs: number
  /** Without what they call; a function without a file is named with its caller's module. */
  readonly selfByFunction: Map<string, number>
  /** By file's package, own folder or node module; native functions count for the module that called them. */
  readonly selfByModule: Map<string, number>
  /** The same, with Node's own functions booked on the package or own folder that called them. */
  readonly causedByModule: Map<string, number>
  /** Sluice's own functions with all they call. */
  readonly totalByOwnFunction: Map<string, number>
}

const repository = fileURLToPath(new URL('..', import.meta.url))

export function createSummary(): ProfileSummary {
  return {
    busyUs: 0,
    idleUs: 0,
    selfByFunction: new Map(),
    selfByModule: new Map(),
    causedByModule: new Map(),
    totalByOwnFunction: new Map(),
  }
}

interface Described {
  readonly name: string
  readonly module: string
  readonly cause: string
  /** Own functions on the way here, each once. */
  readonly own: readonly string[]
  readonly idle: boolean
}

/** Adds the samples of `profile` within `window` to `summary`. */
export function addProfile(summary: ProfileSummary, profile: CpuProfile, window: TimeWindow): void {
  const described = describeNodes(profile.nodes)
  let atUs = profile.startTime
  for (const [index, id] of profile.samples.entries()) {
    atUs += profile.timeDeltas[index] ?? 0
    // A sample stands for the time until the next one.
    const lastsUs = Math.max(0, profile.timeDeltas[index + 1] ?? 0)
    const node = described.get(id)
    if (node === undefined || atUs < window.fromUs || atUs > window.toUs) continue
    if (node.idle) {
      summary.idleUs += lastsUs
      continue
    }
    summary.busyUs += lastsUs
    add(summary.selfByFunction, node.name, lastsUs)
    add(summary.selfByModule, node.module, lastsUs)
    add(summary.causedByModule, node.cause, lastsUs)
    for (const name of node.own) add(summary.totalByOwnFunction, name, lastsUs)
  }
}

function describeNodes(nodes: readonly ProfileNode[]): Map<number, Described> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const described = new Map<number, Described>()
  const root: Described = { name: '(root)', module: '(runtime)', cause: '(runtime)', own: [], idle: false }
  const walk = (node: ProfileNode, parent: Described): void => {
    const own = describe(node.callFrame, parent)
    described.set(node.id, own)
    for (const child of node.children ?? []) {
      const next = byId.get(child)
      if (next) walk(next, own)
    }
  }
  const [first] = nodes
  if (first) walk(first, root)
  return described
}

function describe({ functionName, url, lineNumber }: CallFrame, parent: Described): Described {
  const name = functionName || '(anonymous)'
  if (url === '') {
    const { module, cause, own } = parent
    return { name: `${name}  [native, ${module}]`, module, cause, own, idle: name === '(idle)' }
  }
  const path = url.startsWith('file:') ? relative(repository, fileURLToPath(url)).split(sep).join('/') : url
  const full = `${name}  ${path}:${lineNumber + 1}`
  const isOwn = path.startsWith('src/') || path.startsWith('workers/')
  const own = isOwn && !parent.own.includes(full) ? [...parent.own, full] : parent.own
  const module = moduleOf(path)
  const calledByPackage = path.startsWith('node:') && !/^(node:|\(runtime\))/.test(parent.cause)
  return { name: full, module, cause: calledByPackage ? parent.cause : module, own, idle: false }
}

function moduleOf(path: string): string {
  const packageName = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(path)?.[1]
  if (packageName !== undefined) return packageName
  return path.split('/').slice(0, 2).join('/')
}

function add(totals: Map<string, number>, name: string, us: number): void {
  totals.set(name, (totals.get(name) ?? 0) + us)
}
