import type { FileId } from '../core/file.ts'
import type { FileDeps } from './read-file.ts'

const batchSize = 100
/** A file that is being uploaded, or written by a batch, has blobs before it is known. */
const orphanAfterMs = 3_600_000

/** Removes a file and shreds its content. `used`: an open batch needs it, and nothing was changed. */
export async function removeFile(id: FileId, { files, blobs }: FileDeps): Promise<'removed' | 'used' | 'missing'> {
  const outcome = await files.remove(id)
  // A process that dies in between leaves blobs that nobody knows: they are found by `removeOrphans`.
  if (outcome !== 'used') await blobs.removeAll(id)
  return outcome
}

/** Removes the files whose time is over. Returns how many. */
export async function expireFiles(nowMs: number, deps: FileDeps): Promise<number> {
  let expired = 0
  for (const id of await deps.files.overdue(nowMs, batchSize)) {
    if ((await removeFile(id, deps)) === 'removed') expired += 1
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
  return removed
}
