import { randomBytes } from 'node:crypto'
import { mkdtempDisposable, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BlobMissingError, type BlobName } from '../../src/core/blob-store.ts'
import { createFileId } from '../../src/core/file.ts'
import { FolderBlobStore } from '../../src/store/blobs/folder-blob-store.ts'
import { UnknownVaultKeyError } from '../../src/store/sealing.ts'

const chunk = 64 * 1024

async function openStore() {
  const folder = await mkdtempDisposable(join(tmpdir(), 'sluice-blobs-'))
  const keys = { current: randomBytes(32), previous: [] }
  const store = new FolderBlobStore(join(folder.path, 'blobs'), keys)
  const name = { file: createFileId(), part: 'one' }
  const path = ({ file, part }: BlobName) => join(folder.path, 'blobs', file, part)
  return { folder, keys, store, name, path, [Symbol.asyncDispose]: () => folder.remove() }
}

async function write(store: FolderBlobStore, name: BlobName, content: Buffer, pieceBytes = 10_007): Promise<void> {
  const writer = await store.create(name)
  for (let at = 0; at < content.length; at += pieceBytes) await writer.write(content.subarray(at, at + pieceBytes))
  expect(writer.bytes).toBe(content.length)
  await writer.close()
}

async function read(store: FolderBlobStore, name: BlobName, fromByte?: number): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(store.read(name, fromByte)))
}

describe('a blob', () => {
  it.each([0, 1, chunk - 1, chunk, chunk + 1, 5 * chunk, 9 * chunk + 17])(
    'of %i bytes is read as it was written, from any byte on',
    async (size) => {
      await using at = await openStore()
      const content = randomBytes(size)
      await write(at.store, at.name, content)
      expect((await read(at.store, at.name)).equals(content)).toBe(true)
      for (const from of [1, chunk - 1, chunk, chunk + 5, size - 1, size]) {
        if (from < 0 || from > size) continue
        expect((await read(at.store, at.name, from)).equals(content.subarray(from))).toBe(true)
      }
    },
  )

  it('shows nothing of its content on the disk', async () => {
    await using at = await openStore()
    await write(at.store, at.name, Buffer.from('Ada Lovelace, +44 20 7946 0958. '.repeat(10_000)))
    expect((await readFile(at.path(at.name))).includes('Lovelace')).toBe(false)
  })

  it('cannot be read before it is closed, and leaves nothing where it was given up', async () => {
    await using at = await openStore()
    const writer = await at.store.create(at.name)
    await writer.write(randomBytes(3 * chunk))
    await expect(read(at.store, at.name)).rejects.toThrow(BlobMissingError)
    await writer.abort()
    expect(await readdir(join(at.folder.path, 'blobs', at.name.file))).toEqual([])
  })

  it.each(['changed', 'cut at a chunk', 'cut elsewhere', 'longer'])(
    'that was %s is not read as if it were whole',
    async (how) => {
      await using at = await openStore()
      await write(at.store, at.name, randomBytes(3 * chunk))
      const path = at.path(at.name)
      const bytes = await readFile(path)
      const header = bytes.length - 3 * (chunk + 16)
      if (how === 'changed') {
        const flipped = Buffer.from(bytes)
        flipped.writeUInt8(flipped.readUInt8(header + chunk + 100) ^ 1, header + chunk + 100)
        await writeFile(path, flipped)
      }
      if (how === 'cut at a chunk') await truncate(path, header + 2 * (chunk + 16))
      if (how === 'cut elsewhere') await truncate(path, bytes.length - 5)
      if (how === 'longer') await writeFile(path, Buffer.concat([bytes, bytes.subarray(header, header + chunk + 16)]))
      await expect(read(at.store, at.name)).rejects.toThrow()
    },
  )

  it('does not open in the place of another', async () => {
    await using at = await openStore()
    const other = { ...at.name, part: 'two' }
    await write(at.store, at.name, randomBytes(100))
    await write(at.store, other, randomBytes(100))
    await writeFile(at.path(other), await readFile(at.path(at.name)))
    await expect(read(at.store, other)).rejects.toThrow()
  })

  it('opens with a previous vault key, and says which one is missing', async () => {
    await using at = await openStore()
    await write(at.store, at.name, Buffer.from('sealed before'))
    const current = randomBytes(32)
    const folder = join(at.folder.path, 'blobs')
    const rotated = new FolderBlobStore(folder, { current, previous: [at.keys.current] })
    expect((await read(rotated, at.name)).toString()).toBe('sealed before')
    await expect(read(new FolderBlobStore(folder, { current, previous: [] }), at.name)).rejects.toThrow(
      UnknownVaultKeyError,
    )
  })

  it('goes with its file', async () => {
    await using at = await openStore()
    await write(at.store, at.name, randomBytes(10))
    const [untouched, fresh] = [
      await Array.fromAsync(at.store.untouched(Date.now() + 1_000)),
      await Array.fromAsync(at.store.untouched(Date.now() - 60_000)),
    ]
    expect({ untouched, fresh }).toEqual({ untouched: [at.name.file], fresh: [] })
    await at.store.removeAll(at.name.file)
    await expect(read(at.store, at.name)).rejects.toThrow(BlobMissingError)
    await at.store.removeAll(at.name.file)
  })
})
