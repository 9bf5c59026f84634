import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { auditFolder } from '../../archive/file-archive.ts'
import { type TenantTrail, verifyTrails } from '../../archive/verify-trail.ts'
import { loadConfig } from '../../config/load.ts'
import { ConfigError } from '../../config/problems.ts'
import { type ChainKey, deriveChainKey } from '../../core/audit-chain.ts'
import type { ChainHead } from '../../core/record-archive.ts'
import { parseVaultKeys, StartError } from '../../process/environment.ts'
import { readHeads } from '../../store/record-stream.ts'
import { connectRedis, untilReady } from '../../store/redis.ts'
import type { VerifyFlags } from '../audit.ts'
import { getAdmin, readAdminConnection } from '../client/admin-client.ts'
import { UsageError } from '../client/failures.ts'
import { printJson, printLine } from '../client/run-command.ts'

/** Checks the trail and prints what was found. Returns the exit code. @throws UsageError where there is none. */
export async function verifyTrail(flags: VerifyFlags): Promise<number> {
  const { folder, redisUrl } = await findData(flags)
  if (!existsSync(auditFolder(folder))) throw new UsageError(`There is no audit trail in ${folder}.`)
  const kept = await readKeptKeys(folder)
  const keys = readKeys(process.env.SLUICE_VAULT_KEY || kept.SLUICE_VAULT_KEY)
  const adminKey = process.env.SLUICE_ADMIN_KEY || kept.SLUICE_ADMIN_KEY
  // Before the files: entries that are written meanwhile are then more than is expected, never less.
  const heads = await readExpectedHeads({ redisUrl, adminKey, url: flags.url })
  const trails = await verifyTrails({ folder, keys, heads, tenant: flags.tenant })
  if (flags.tenant !== undefined && trails[0]?.files === 0 && trails[0].faults.length === 0) {
    throw new UsageError(`There is no audit trail of ${flags.tenant} in ${folder}.`)
  }
  const ok = trails.every(({ faults }) => faults.length === 0)
  if (flags.json) printJson({ ok, folder, keyChecked: keys.length > 0, endsChecked: heads !== null, trails })
  else printReport(trails, { hasKey: keys.length > 0, hasHeads: heads !== null })
  return ok ? 0 : 1
}

/** Where the files are, and Redis where it is known by an address. */
async function findData(flags: VerifyFlags): Promise<{ folder: string; redisUrl: string | undefined }> {
  const env = process.env
  const file = flags.config ?? env.SLUICE_CONFIG ?? (existsSync('sluice.yaml') ? 'sluice.yaml' : undefined)
  if (file === undefined || (flags.dataDir !== undefined && flags.config === undefined)) {
    return { folder: resolve(flags.dataDir ?? 'data'), redisUrl: env.REDIS_URL || undefined }
  }
  try {
    const { config } = await loadConfig({ file, env })
    return {
      folder: resolve(flags.dataDir ?? config.data_dir),
      redisUrl: config.redis.url?.reveal() ?? (env.REDIS_URL || undefined),
    }
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(`${error.message}\nOr name the folder with --data-dir.`)
    throw error
  }
}

const keptKeys = z.looseObject({ SLUICE_VAULT_KEY: z.string().optional(), SLUICE_ADMIN_KEY: z.string().optional() })

/** The keys that `sluice up` keeps beside the files. */
async function readKeptKeys(folder: string): Promise<z.infer<typeof keptKeys>> {
  const text = await readFile(join(folder, 'keys.json'), 'utf8').catch(() => '{}')
  try {
    return keptKeys.parse(JSON.parse(text))
  } catch {
    return {}
  }
}

/** The key of now and those before it: an entry names the one that it is sealed with. */
function readKeys(text: string | undefined): ChainKey[] {
  if (!text) return []
  try {
    const { current, previous } = parseVaultKeys(text, process.env)
    return [current, ...previous].map(deriveChainKey)
  } catch (error) {
    if (error instanceof StartError) throw new UsageError(error.message)
    throw error
  }
}

const headsAnswer = z.object({ data: z.array(z.object({ tenant: z.string(), seq: z.number(), hash: z.string() })) })

/** Null where neither Redis nor an API can be asked: the files alone are checked then. */
async function readExpectedHeads(from: {
  redisUrl: string | undefined
  adminKey: string | undefined
  url: string | undefined
}): Promise<ReadonlyMap<string, ChainHead> | null> {
  try {
    if (from.redisUrl !== undefined) return await readHeadsOfRedis(from.redisUrl)
    if (!from.adminKey) return null
    const connection = readAdminConnection(from, { ...process.env, SLUICE_ADMIN_KEY: from.adminKey })
    const { data } = headsAnswer.parse(JSON.parse(await getAdmin(connection, '/audit/heads')))
    return new Map(data.map(({ tenant, ...head }) => [tenant, head]))
  } catch {
    return null
  }
}

async function readHeadsOfRedis(url: string): Promise<ReadonlyMap<string, ChainHead>> {
  const redis = connectRedis(url, 'api', { name: 'sluice-audit-verify' })
  try {
    await untilReady(redis, 3_000)
    return await readHeads(redis)
  } finally {
    redis.disconnect()
  }
}

function printReport(trails: readonly TenantTrail[], checked: { hasKey: boolean; hasHeads: boolean }): void {
  for (const trail of trails) {
    const { tenant, entries, files, head, isUnfinished, faults } = trail
    const state = faults.length === 0 ? 'ok' : `${faults.length} FOUND`
    printLine(
      `${tenant}: ${state}, ${entries} entries in ${files} ${files === 1 ? 'file' : 'files'}, the last is ${head.seq}`,
    )
    for (const { seq, file, line, what } of faults) {
      const place = file === null ? '' : ` (${file}${line === null ? '' : `, line ${line}`})`
      printLine(`  entry ${seq}: ${what}${place}`)
    }
    if (isUnfinished) printLine('  the last line is not finished: a recorder is writing, or was killed')
  }
  if (trails.length === 0) printLine('There is no entry yet.')
  if (!checked.hasKey) printLine('Seals were not checked: SLUICE_VAULT_KEY is not set.')
  if (!checked.hasHeads) {
    printLine('Ends were not checked: no REDIS_URL, and no API that takes SLUICE_ADMIN_KEY. Entries cut off at the end')
    printLine('of a trail can only be missed with one of them.')
  }
}
