import { existsSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'

/**
 * Valkey's and Redis's multi-part append-only file: a snapshot ("base") and the commands since ("incr"), named by a
 * manifest. A server rewrites it in a forked process, which WebAssembly has not got; `rebaseOnSnapshot` does the same
 * between two runs. The manifest is replaced in one rename, so a crash leaves either the old pair or the new one.
 */
const directoryName = 'appendonlydir'
const manifestName = 'appendonly.aof.manifest'
const snapshotName = 'dump.rdb'
// Redis, and Valkey before 9, write REDIS and a version.
const valkeyMagic = 'VALKEY'

export function hasAppendOnlyFile(folder: string): boolean {
  return existsSync(path.join(folder, directoryName, manifestName))
}

/** What a start has to load: the snapshot and what was appended since. Zero where there is none. */
export async function appendOnlySizes(folder: string): Promise<{ baseBytes: number; appendedBytes: number }> {
  const sizes = { baseBytes: 0, appendedBytes: 0 }
  for (const { name, type } of await readManifest(folder)) {
    const { size } = await stat(path.join(folder, directoryName, name))
    sizes[type === 'b' ? 'baseBytes' : 'appendedBytes'] += size
  }
  return sizes
}

/**
 * Whether the data begins as Valkey has written it since version 9. Older servers call such a file damaged and advise
 * to repair it, which would cut the data off.
 */
export async function needsValkey9(folder: string): Promise<boolean> {
  const base = (await readManifest(folder)).find((part) => part.type === 'b')
  const file = base ? path.join(folder, directoryName, base.name) : path.join(folder, snapshotName)
  if (!existsSync(file)) return false
  const handle = await open(file, 'r')
  try {
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(valkeyMagic.length) })
    return buffer.toString('latin1', 0, bytesRead) === valkeyMagic
  } finally {
    await handle.close()
  }
}

/** A server with an append-only file ignores a snapshot beside it. Data kept as snapshots so far would be gone. */
export async function adoptSnapshot(folder: string): Promise<void> {
  if (!hasAppendOnlyFile(folder) && existsSync(path.join(folder, snapshotName))) await rebaseOnSnapshot(folder)
}

/** Makes `dump.rdb` the base of a new, empty append-only file. No server may be running on the folder. */
export async function rebaseOnSnapshot(folder: string): Promise<void> {
  const directory = path.join(folder, directoryName)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const sequence = 1 + Math.max(0, ...(await readManifest(folder)).map((part) => part.sequence))
  const base = `appendonly.aof.${sequence}.base.rdb`
  const appended = `appendonly.aof.${sequence}.incr.aof`
  await rename(path.join(folder, snapshotName), path.join(directory, base))
  await writeFile(path.join(directory, appended), '', { mode: 0o600 })
  const nextManifest = path.join(directory, `temp-${manifestName}`)
  await writeFile(nextManifest, `file ${base} seq ${sequence} type b\nfile ${appended} seq ${sequence} type i\n`, {
    mode: 0o600,
    flush: true,
  })
  await rename(nextManifest, path.join(directory, manifestName))
  await syncDirectory(directory)
  const kept = new Set([base, appended, manifestName])
  for (const name of await readdir(directory)) if (!kept.has(name)) await rm(path.join(directory, name))
}

interface Part {
  readonly name: string
  readonly sequence: number
  /** `b` is the base, `i` what was appended, `h` history on its way out. */
  readonly type: string
}

async function readManifest(folder: string): Promise<readonly Part[]> {
  if (!hasAppendOnlyFile(folder)) return []
  const text = await readFile(path.join(folder, directoryName, manifestName), 'utf8')
  const lines = text.matchAll(/^file (?<name>\S+) seq (?<sequence>\d+) type (?<type>[bih])/gm)
  return [...lines].map(({ groups = {} }) => ({
    name: groups.name ?? '',
    sequence: Number(groups.sequence),
    type: groups.type ?? '',
  }))
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  await handle.sync().finally(() => handle.close())
}
