import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import { processStartedAt } from './process-identity.ts'
import { EmbeddedRedisError } from './server-process.ts'

/**
 * One data folder has one owner: two servers on one append-only file would destroy it. The owner writes itself and its
 * server into `owner.json`. A dead owner is succeeded, after the server that may have outlived it has been ended.
 *
 *     free → claimed by A → A dies → claimed by B: ends A's server if it still runs, then starts its own
 */
const processSchema = z.object({ pid: z.int().min(1), startedAt: z.string() })
const ownerSchema = z.object({
  /** Tells two claims of one process apart. */
  claim: z.string(),
  host: z.string(),
  owner: processSchema,
  server: processSchema.optional(),
})
type Owner = z.infer<typeof ownerSchema>
type ProcessName = z.infer<typeof processSchema>

export interface ClaimedFolder {
  readonly folder: string
  /** Remembers the running server, for whoever comes after a crash. */
  recordServer(pid: number): Promise<void>
  release(): Promise<void>
}

// Process numbers mean nothing between containers that share a volume; there an owner shows its life by this sign.
const signOfLifeMs = 2_000
const silenceOfDeathMs = 3 * signOfLifeMs
const orphanStopTimeoutMs = 10_000
const claimAttempts = 3
const successionPauseMs = 50
const readAttempts = 10

/** @throws EmbeddedRedisError when a living process owns the folder. */
export async function claimDataFolder(folder: string): Promise<ClaimedFolder> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = path.join(folder, 'owner.json')
  const self = await nameProcess(process.pid)
  if (!self) throw new EmbeddedRedisError('This system does not tell when a process started')
  const claim: Owner = { claim: randomUUID(), host: hostname(), owner: self }
  for (let attempt = 0; attempt < claimAttempts; attempt++) {
    if ((await createExclusively(file, claim)) || (await succeedDeadOwner(folder, file, claim))) {
      return holdFolder(folder, file, claim)
    }
  }
  throw new EmbeddedRedisError(`Several processes try to start on ${folder} at once`)
}

function holdFolder(folder: string, file: string, claim: Owner): ClaimedFolder {
  const signOfLife = setInterval(() => {
    const now = new Date()
    utimes(file, now, now).catch(() => {})
  }, signOfLifeMs).unref()
  return {
    folder,
    recordServer: async (pid) => {
      await replaceFile(file, { ...claim, server: await nameProcess(pid) })
    },
    release: async () => {
      clearInterval(signOfLife)
      // Released twice, it may be another's by now.
      if ((await readOwner(file))?.claim === claim.claim) await rm(file, { force: true })
    },
  }
}

/** Whether the folder is ours now. @throws EmbeddedRedisError when its owner is alive. */
async function succeedDeadOwner(folder: string, file: string, claim: Owner): Promise<boolean> {
  const found = await readOwner(file)
  if (!found) return false
  if (await isAlive(found, file)) {
    const where = found.host === hostname() ? '' : ` on ${found.host}`
    throw new EmbeddedRedisError(
      `${folder} is in use by process ${found.owner.pid}${where}: two Redis servers on one data folder would destroy it`,
    )
  }
  if (found.server && found.host === hostname()) await endOrphan(found.server)
  // Another successor may have been faster.
  if ((await readOwner(file))?.claim !== found.claim) return false
  await replaceFile(file, claim)
  // Or read the same and write next. The last to write has the folder, so each looks again before it begins.
  await sleep(successionPauseMs)
  return (await readOwner(file))?.claim === claim.claim
}

async function isAlive({ host, owner }: Owner, file: string): Promise<boolean> {
  if (host === hostname()) return (await processStartedAt(owner.pid)) === owner.startedAt
  const lastSignMs = async () => (await stat(file).catch(() => undefined))?.mtimeMs ?? 0
  const seenMs = await lastSignMs()
  if (Date.now() - seenMs > silenceOfDeathMs) return false
  for (let waitedMs = 0; waitedMs < silenceOfDeathMs; waitedMs += signOfLifeMs) {
    await sleep(signOfLifeMs)
    if ((await lastSignMs()) > seenMs) return true
  }
  return false
}

/** Lets it save and close its files first. Returns when it is gone. */
async function endOrphan({ pid, startedAt }: ProcessName): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const untilMs = Date.now() + orphanStopTimeoutMs
    while (Date.now() < untilMs) {
      if ((await processStartedAt(pid)) !== startedAt) return
      try {
        process.kill(pid, signal)
      } catch {
        // It ended between the two questions, or belongs to another user; the next round tells.
      }
      await sleep(20)
    }
  }
  throw new EmbeddedRedisError(`Process ${pid} still serves the data folder and cannot be ended`)
}

async function nameProcess(pid: number): Promise<ProcessName | undefined> {
  const startedAt = await processStartedAt(pid)
  return startedAt === undefined ? undefined : { pid, startedAt }
}

async function replaceFile(file: string, content: Owner): Promise<void> {
  const next = `${file}.${content.claim}`
  await writeFile(next, JSON.stringify(content), { mode: 0o600 })
  await rename(next, file)
}

async function createExclusively(file: string, claim: Owner): Promise<boolean> {
  try {
    await writeFile(file, JSON.stringify(claim), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/** Undefined when there is none. One that stays unreadable was cut short by a crash: it names nobody alive. */
async function readOwner(file: string): Promise<Owner | undefined> {
  for (let attempt = 0; attempt < readAttempts; attempt++) {
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (text === undefined) return undefined
    try {
      return ownerSchema.parse(JSON.parse(text))
    } catch {
      // Between creating and writing it there is a moment in which it is empty.
      await sleep(20)
    }
  }
  return { claim: 'unreadable', host: hostname(), owner: { pid: process.pid, startedAt: 'unreadable' } }
}
