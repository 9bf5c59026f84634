import { type FileHandle, open } from 'node:fs/promises'

/** Makes new and renamed names of a folder last. */
export async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(folder, 'r')
    await handle.sync()
  } catch (error) {
    // Windows has no handles on folders, and keeps names without being told.
    if (process.platform !== 'win32') throw error
  } finally {
    await handle?.close()
  }
}

/** For `catch`: null where there is no such file or folder; any other error is thrown again. */
export function orMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}
