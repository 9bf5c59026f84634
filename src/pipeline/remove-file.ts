import { isAway } from '../core/blob-store.ts'
import type { FileId } from '../core/file.ts'
import type { FileDeps } from './read-file.ts'

const batchSize = 100
/** A file that is being uploaded, or written by a batch, has blobs before it is known. */
const orphanAfterMs = 3_600_000

/** Removes a file and shreds its content. `used`: an open batch needs it, and nothing was changed. */
export async function removeFile(id: FileId, deps: FileDeps): Promise<'removed' | 'used' | 'missing'> {
  const outcome = await deps.files.remove(id)
  // A process that dies in between leaves blobs that nobody knows: they are found by `removeOrphans`.
  if (outcome !== 'used') await shredContent(id, deps)
  return outcome
}

/** Shreds the content of a file that is forgotten. False where its store is away: `expireFiles` does it when it is back. */
async function shredContent(id: FileId, { files, blobs }: FileDeps): Promise<boolean> {
  try {
    await blobs.removeAll(id)
    return true
  } catch (error) {
    if (!isAway(error)) throw error
    await files.removeLater(id)
    return false
  }
}

/** Removes the files whose time is over, and what is left of those that are forgotten. Returns how many files. */
export async function expireFiles(nowMs: number, deps: FileDeps): Promise<number> {
  let expired = 0
  const overdue = await deps.files.overdue(nowMs, batchSize)
  for (const [index, id] of overdue.entries()) {
    const outcome = await deps.files.remove(id)
    if (outcome === 'removed') expired += 1
    if (outcome === 'used' || (await shredContent(id, deps))) continue
    // Each of the others would wait for a store that is away as long.
    for (const other of overdue.slice(index + 1)) await deps.files.removeLater(other)
    break
  }
  return expired
}

/** Removes blobs of no known file: uploads that broke off, and what processes that died have left. Returns of how many files. */
export async function removeOrphans(nowMs: number, { files, blobs }: FileDeps): Promise<number> {
  let removed = 0
  const check = async (ids: readonly FileId[]) => {
    const known = await files.exists(ids)
    for (const id of ids) {
      if (known.has(id)) continue
      await blobs.removeAll(id)
      removed += 1
    }
  }
  let suspects: FileId[] = []
  for await (const id of blobs.untouched(nowMs - orphanAfterMs)) {
    suspects.push(id)
    if (suspects.length < batchSize) continue
    await check(suspects)
    suspects = []
  }
  if (suspects.length > 0) await check(suspects)
  // Last: what goes from a folder touches it.
  await blobs.removeDrafts(nowMs - orphanAfterMs)
  return removed
}
