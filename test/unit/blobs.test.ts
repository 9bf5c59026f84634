import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { BlobMissingError, type BlobName, type BlobStore } from '../../src/core/blob-store.ts'
import { createFileId } from '../../src/core/file.ts'
import { UnknownVaultKeyError } from '../../src/store/sealing.ts'
import { type BlobHome, openBucketHome, openFolderHome } from '../support/blob-homes.ts'

const chunk = 64 * 1024
const part = 5 * 1024 * 1024

const newName = (): BlobName => ({ file: createFileId(), part: 'one' })

async function write(store: BlobStore, name: BlobName, content: Buffer, pieceBytes = 10_007): Promise<void> {
  const writer = await store.create(name)
  for (let at = 0; at < content.length; at += pieceBytes) await writer.write(content.subarray(at, at + pieceBytes))
  expect(writer.bytes).toBe(content.length)
  await writer.close()
}

async function read(store: BlobStore, name: BlobName, fromByte?: number): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(store.read(name, fromByte)))
}

const homes: [string, () => Promise<BlobHome>][] = [
  ['a folder', openFolderHome],
  ['a bucket', openBucketHome],
  ['a bucket that keeps versions', () => openBucketHome({ isVersioned: true })],
]

it('a blob that is copied from a folder into a bucket is the same there', async () => {
  await using folder = await openFolderHome()
  await using bucket = await openBucketHome()
  const name = newName()
  const content = randomBytes(5 * chunk + 3)
  await write(folder.store, name, content)
  await write(bucket.store, name, Buffer.from('in its place'))
  await bucket.replace(name, await folder.bytesOf(name))
  expect((await read(bucket.open(folder.keys), name)).equals(content)).toBe(true)
})

describe.each(homes)('a blob in %s', (_, openHome) => {
  it.each([0, 1, chunk - 1, chunk, chunk + 1, 5 * chunk, 9 * chunk + 17, part - 2 * chunk, part, 3 * part + 5])(
    'of %i bytes is read as it was written, from any byte on',
    async (size) => {
      await using home = await openHome()
      const name = newName()
      const content = randomBytes(size)
      await write(home.store, name, content)
      expect((await read(home.store, name)).equals(content)).toBe(true)
      for (const from of [1, chunk - 1, chunk, chunk + 5, 4 * chunk, 7 * chunk - 1, size - 3 * chunk, size - 1, size]) {
        if (from < 0 || from > size || (size >= 10 * chunk && from < size - 5 * chunk)) continue
        expect((await read(home.store, name, from)).equals(content.subarray(from))).toBe(true)
      }
    },
  )

  it('shows nothing of its content where it lies', async () => {
    await using home = await openHome()
    const name = newName()
    await write(home.store, name, Buffer.from('Ada Lovelace, +44 20 7946 0958. '.repeat(10_000)))
    expect((await home.bytesOf(name)).includes('Lovelace')).toBe(false)
  })

  it.each([3 * chunk, 3 * part])(
    'of %i bytes cannot be read before it is closed, and leaves nothing where it was given up',
    async (size) => {
      await using home = await openHome()
      const name = newName()
      const writer = await home.store.create(name)
      await writer.write(randomBytes(size))
      await expect(read(home.store, name)).rejects.toThrow(BlobMissingError)
      await writer.abort()
      expect(await home.left()).toEqual([])
    },
  )

  it.each(['changed', 'cut at a chunk', 'cut elsewhere', 'cut behind its header', 'emptied', 'longer'])(
    'that was %s is not read as if it were whole',
    async (how) => {
      await using home = await openHome()
      const name = newName()
      await write(home.store, name, randomBytes(3 * chunk))
      const bytes = await home.bytesOf(name)
      const header = bytes.length - 3 * (chunk + 16)
      const flipped = Buffer.from(bytes)
      flipped.writeUInt8(flipped.readUInt8(header + chunk + 100) ^ 1, header + chunk + 100)
      const damaged: Record<string, Buffer> = {
        changed: flipped,
        'cut at a chunk': bytes.subarray(0, header + 2 * (chunk + 16)),
        'cut elsewhere': bytes.subarray(0, -5),
        'cut behind its header': bytes.subarray(0, header),
        emptied: Buffer.alloc(0),
        longer: Buffer.concat([bytes, bytes.subarray(header, header + chunk + 16)]),
      }
      await home.replace(name, damaged[how] ?? bytes)
      await expect(read(home.store, name)).rejects.toThrow()
      // Whoever begins behind what was changed, or where nothing is left, does not see it.
      if (['cut elsewhere', 'emptied', 'longer'].includes(how))
        await expect(read(home.store, name, 2 * chunk + 1)).rejects.toThrow()
    },
  )

  it('does not open in the place of another', async () => {
    await using home = await openHome()
    const name = newName()
    const other = { ...name, part: 'two' }
    await write(home.store, name, randomBytes(100))
    await write(home.store, other, randomBytes(100))
    await home.replace(other, await home.bytesOf(name))
    await expect(read(home.store, other)).rejects.toThrow()
  })

  it('opens with a previous vault key, and says which one is missing', async () => {
    await using home = await openHome()
    const name = newName()
    await write(home.store, name, Buffer.from('sealed before'))
    const current = randomBytes(32)
    const rotated = home.open({ current, previous: [home.keys.current] })
    expect((await read(rotated, name)).toString()).toBe('sealed before')
    await expect(read(home.open({ current, previous: [] }), name)).rejects.toThrow(UnknownVaultKeyError)
  })

  it('is removed by itself, and a second time without complaint', async () => {
    await using home = await openHome()
    const name = newName()
    // One's name begins with the other's.
    const other = { ...name, part: 'one-more' }
    await write(home.store, name, randomBytes(10))
    await write(home.store, other, Buffer.from('stays'))
    await home.store.remove(name)
    await home.store.remove(name)
    await expect(read(home.store, name)).rejects.toThrow(BlobMissingError)
    expect((await read(home.store, other)).toString()).toBe('stays')
  })

  it('goes with its file, and other files stay', async () => {
    await using home = await openHome()
    const [name, other] = [newName(), newName()]
    for (const each of ['one', 'two', 'three']) await write(home.store, { ...name, part: each }, randomBytes(10))
    await write(home.store, other, Buffer.from('stays'))
    const begun = await home.store.create({ ...name, part: 'begun' })
    await begun.write(randomBytes(3 * part))
    await home.store.removeAll(name.file)
    await expect(read(home.store, name)).rejects.toThrow(BlobMissingError)
    await home.store.removeAll(name.file)
    expect((await read(home.store, other)).toString()).toBe('stays')
    expect(await home.left()).toHaveLength(1)
    await begun.abort()
  })

  it('makes its file one that was touched', async () => {
    await using home = await openHome()
    const files = [createFileId(), createFileId()].sort()
    for (const file of files) {
      for (const each of ['one', 'two']) await write(home.store, { file, part: each }, randomBytes(10))
    }
    const untouchedSince = async (timeMs: number) => (await Array.fromAsync(home.store.untouched(timeMs))).sort()
    // Clocks of stores have seconds.
    expect(await untouchedSince(Date.now() + 2_000)).toEqual(files)
    expect(await untouchedSince(Date.now() - 60_000)).toEqual([])
  })

  it('that was never closed goes after a while, and its file’s others stay', async () => {
    await using home = await openHome()
    const name = newName()
    await write(home.store, name, Buffer.from('stays'))
    const writer = await home.store.create({ ...name, part: 'begun' })
    await writer.write(randomBytes(3 * part))
    const before = await home.left()
    await home.store.removeDrafts(Date.now() - 60_000)
    expect(await home.left()).toEqual(before)
    await home.store.removeDrafts(Date.now() + 2_000)
    expect(await home.left()).toHaveLength(1)
    expect((await read(home.store, name)).toString()).toBe('stays')
    await writer.abort()
  })
})
