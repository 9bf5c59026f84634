import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { BlobMissingError, type BlobName, type BlobStore } from '../../src/core/blob-store.ts'
import { BrokerError } from '../../src/core/errors.ts'
import { createFileId } from '../../src/core/file.ts'
import { S3BlobStore } from '../../src/store/blobs/s3-blob-store.ts'
import { partBytes } from '../../src/store/blobs/s3-blob-writer.ts'
import { S3Connection } from '../../src/store/blobs/s3-connection.ts'
import { headerBytes, sealedChunk as sealed } from '../../src/store/blobs/sealed-blob.ts'
import { describeError } from '../../src/telemetry/error-facts.ts'
import { type BucketHome, openBucketHome, settingsOf } from '../support/blob-homes.ts'
import type { S3Trouble } from '../support/s3-server.ts'

const newName = (): BlobName => ({ file: createFileId(), part: 'one' })
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

let home: BucketHome
beforeAll(async () => {
  home = await openBucketHome()
})
afterAll(() => home[Symbol.asyncDispose]())
beforeEach(() => {
  home.s3.trouble = null
})

async function write(store: BlobStore, name: BlobName, content: Buffer): Promise<void> {
  const writer = await store.create(name)
  try {
    await writer.write(content)
    await writer.close()
  } catch (error) {
    await writer.abort()
    throw error
  }
}

async function read(store: BlobStore, name: BlobName, from?: number): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(store.read(name, from)))
}

/** Makes the first calls of an operation go wrong. */
function troubleAtFirst(operation: string, trouble: S3Trouble, times = 1): void {
  let left = times
  home.s3.trouble = (call) => (call.operation === operation && left-- > 0 ? trouble : null)
}

const since = (from: number) => home.s3.calls.slice(from).map(({ operation }) => operation)

describe('reading from a bucket', () => {
  it('gives the same wherever bodies break off', async () => {
    const name = newName()
    const content = randomBytes(20 * 64 * 1024 + 77)
    await write(home.store, name, content)
    const cuts = fc.array(fc.nat(4 * sealed), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(cuts, fc.nat(content.length), async (positions, from) => {
        const left = [...positions]
        home.s3.trouble = ({ operation }) => {
          const cutAfter = operation === 'GetObject' ? left.shift() : undefined
          return cutAfter === undefined ? null : { cutAfter }
        }
        expect((await read(home.store, name, from)).equals(content.subarray(from))).toBe(true)
      }),
      { numRuns: 40 },
    )
  }, 60_000)

  it('goes on in the middle of a body, and asks only for what it has not got', async () => {
    const name = newName()
    await write(home.store, name, randomBytes(3 * 64 * 1024))
    troubleAtFirst('GetObject', { cutAfter: 100_000 })
    const before = home.s3.calls.length
    await read(home.store, name)
    const [, second] = home.s3.calls.slice(before)
    const from = Number(/^bytes=(\d+)-/.exec(String(second?.headers.range))?.[1])
    expect(from).toBeGreaterThan(0)
    expect(from).toBeLessThanOrEqual(100_000)
  })

  it('does not fetch a file for one line of it', async () => {
    const name = newName()
    await write(home.store, name, randomBytes(2 * partBytes))
    const before = home.s3.calls.length
    for await (const piece of home.store.read(name, partBytes)) {
      expect(piece.length).toBeGreaterThan(0)
      break
    }
    const ranges = home.s3.calls.slice(before).map(({ headers }) => /^bytes=(\d+)-(\d+)$/.exec(String(headers.range)))
    const bytes = ranges.map((range) => Number(range?.[2]) - Number(range?.[1]) + 1)
    expect(bytes).toEqual([headerBytes, 4 * sealed])
  })

  it.each([0, 1])('gives up when no more than %i bytes come, again and again', async (cutAfter) => {
    const name = newName()
    await write(home.store, name, randomBytes(100))
    home.s3.trouble = ({ operation }) => (operation === 'GetObject' ? { cutAfter } : null)
    const before = home.s3.calls.length
    await expect(read(home.store, name)).rejects.toMatchObject({ code: 'blob_store_unavailable' })
    expect(home.s3.calls.length - before).toBe(cutAfter === 0 ? 4 : 20)
  })

  it('survives a bucket that throttles in the middle of a body', async () => {
    const name = newName()
    const content = randomBytes(3 * 64 * 1024)
    await write(home.store, name, content)
    const troubles: S3Trouble[] = [{ cutAfter: 100_000 }, 'slow-down', 'reset']
    home.s3.trouble = () => troubles.shift() ?? null
    expect((await read(home.store, name)).equals(content)).toBe(true)
    expect(troubles).toEqual([])
  })

  it('takes a bucket that is not there for one that is away, not for a blob that is gone', async () => {
    await using connection = disposable(new S3Connection({ ...settingsOf(home.s3), bucket: 'no-such-bucket' }, silent))
    const store = new S3BlobStore(connection.value, home.keys)
    const error = await read(store, newName()).catch((thrown: unknown) => thrown)
    expect(error).not.toBeInstanceOf(BlobMissingError)
    expect(error).toMatchObject({ code: 'blob_store_unavailable', cause: { code: 'NoSuchBucket', isRefusal: true } })
  })
})

describe('writing into a bucket', () => {
  const small = randomBytes(1_000)
  const large = randomBytes(2 * partBytes + 1_000)

  it('takes one request for what fits into a part, else parts of the same size, one at a time', async () => {
    const before = home.s3.calls.length
    await write(home.store, newName(), small)
    expect(since(before)).toEqual(['PutObject'])
    const middle = home.s3.calls.length
    await write(home.store, newName(), large)
    expect(since(middle)).toEqual([
      'CreateMultipartUpload',
      ...['UploadPart', 'UploadPart', 'UploadPart'],
      'CompleteMultipartUpload',
    ])
    const sizes = home.s3.calls.slice(middle + 1, -1).map(({ headers }) => Number(headers['content-length']))
    expect(sizes.slice(0, 2)).toEqual([partBytes, partBytes])
  })

  it('sends no checksums that other stores than AWS’s refuse', async () => {
    const before = home.s3.calls.length
    const name = newName()
    for (const content of [small, large]) await write(home.store, name, content)
    await home.store.removeAll(name.file)
    const calls = home.s3.calls.slice(before)
    expect(calls.length).toBeGreaterThan(6)
    const names = new Set(calls.flatMap(({ headers }) => Object.keys(headers)))
    expect([...names].filter((header) => /checksum|trailer|content-md5/.test(header))).toEqual([])
    expect(calls.some(({ headers }) => /aws-chunked/.test(String(headers['content-encoding'])))).toBe(false)
  })

  const troubles: S3Trouble[] = ['reset', 'slow-down', 'lose-answer']
  const operations = ['PutObject', 'CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload']
  it.each(troubles.flatMap((trouble) => operations.map((operation) => [trouble, operation] as const)))(
    'survives %s at the first %s',
    async (trouble, operation) => {
      const name = newName()
      const content = operation === 'PutObject' ? small : large
      troubleAtFirst(operation, trouble)
      await write(home.store, name, content)
      home.s3.trouble = null
      expect((await read(home.store, name)).equals(content)).toBe(true)
      await home.store.removeAll(name.file)
      // Where the answer to a beginning is lost, what was begun is not known by name.
      await home.store.removeDrafts(Date.now() + 2_000)
      expect((await home.left()).filter((key) => key.includes(name.file))).toEqual([])
    },
  )

  it.each(operations)('that fails for good at %s shows nothing and leaves nothing', async (operation) => {
    const name = newName()
    home.s3.trouble = (call) => (call.operation === operation ? 'denied' : null)
    await expect(write(home.store, name, operation === 'PutObject' ? small : large)).rejects.toMatchObject({
      code: 'blob_store_unavailable',
      cause: { code: 'AccessDenied', status: 403, operation },
    })
    expect((await home.left()).filter((key) => key.includes(name.file))).toEqual([])
  })

  it('gives up on a store that hangs, within its limits', async () => {
    const limits = { connectMs: 500, idleMs: 200, callMs: 10_000, attempts: 2 }
    await using impatient = disposable(new S3Connection(settingsOf(home.s3, { limits }), silent))
    const store = new S3BlobStore(impatient.value, home.keys)
    home.s3.trouble = () => 'hang'
    const before = home.s3.calls.length
    await expect(write(store, newName(), small)).rejects.toMatchObject({ cause: { code: 'TimeoutError' } })
    // And what was maybe written is removed in vain.
    expect(since(before).filter((operation) => operation === 'PutObject')).toEqual(['PutObject', 'PutObject'])
    const brief = { ...limits, idleMs: 10_000, callMs: 300 }
    await using briefly = disposable(new S3Connection(settingsOf(home.s3, { limits: brief }), silent))
    const other = new S3BlobStore(briefly.value, home.keys)
    await expect(write(other, newName(), small)).rejects.toMatchObject({ cause: { code: 'TimeoutError' } })
  })
})

describe('a bucket that fails', () => {
  it('tells neither keys nor signatures nor names of files, and tells the log once', async () => {
    const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'wrong-but-secret' }
    const logged: string[] = []
    const note = (facts: object, message: string) => void logged.push(`${message} ${JSON.stringify(facts)}`)
    const log = { ...silent, warn: note, info: note }
    await using connection = disposable(new S3Connection(settingsOf(home.s3, { credentials }), log))
    const store = new S3BlobStore(connection.value, home.keys)
    const name = newName()
    const errors: unknown[] = []
    for (let count = 0; count < 3; count += 1) {
      errors.push(await write(store, name, Buffer.from('Ada Lovelace')).catch((error: unknown) => error))
    }
    expect(errors[0]).toBeInstanceOf(BrokerError)
    const told = [
      ...errors.map((error) => inspect(error, { depth: 10 }) + JSON.stringify(describeError(error as Error))),
    ]
    const words = /S3RVER|secret|Ada|AWS4|Signature=|Authorization|file-/i
    for (const text of [...told, ...logged]) expect(text.replaceAll('SignatureDoesNotMatch', '')).not.toMatch(words)
    expect(logged.filter((line) => line.includes('PutObject'))).toHaveLength(1)
  })

  it('tells the log when it is back', async () => {
    home.logged.length = 0
    home.s3.trouble = () => 'denied'
    await expect(home.store.remove(newName())).rejects.toThrow(BrokerError)
    home.s3.trouble = null
    await home.store.remove(newName())
    await home.store.remove(newName())
    expect(home.logged.map((line) => line.replace(/ \{.*/, ''))).toEqual([
      'the bucket of files does not do what it is asked',
      'the bucket of files answers again',
    ])
  })
})

describe('a bucket of many objects', () => {
  it.each([false, true])('is listed and cleared page by page (versions: %s)', async (isVersioned) => {
    await using paged = await openBucketHome({ isVersioned, pageSize: 3 })
    const files = [createFileId(), createFileId(), createFileId()].sort()
    for (const file of files) {
      for (let part = 0; part < 5; part += 1) await write(paged.store, { file, part: `part-${part}` }, randomBytes(10))
    }
    expect(await Array.fromAsync(paged.store.untouched(Date.now() + 2_000))).toEqual(files)
    const writers = await Promise.all(files.map((file) => paged.store.create({ file, part: 'begun' })))
    for (const writer of [...writers, await paged.store.create({ file: files[0] ?? createFileId(), part: 'more' })]) {
      await writer.write(randomBytes(partBytes + 1))
      // What is sealed becomes a part when more comes.
      await writer.write(randomBytes(128 * 1024))
    }
    expect(await paged.s3.uploads()).toHaveLength(4)
    await paged.store.removeDrafts(Date.now() + 2_000)
    expect(await paged.s3.uploads()).toEqual([])
    for (const file of files) await paged.store.removeAll(file)
    expect(await paged.left()).toEqual([])
    expect(await paged.s3.versions()).toEqual([])
  })

  it('may hold others’ objects and uploads, which are left alone', async () => {
    const stranger = new S3Connection(settingsOf(home.s3, { prefix: 'elsewhere/' }), silent)
    const other = new S3BlobStore(stranger, home.keys)
    const name = newName()
    await write(other, name, Buffer.from('stays'))
    const begun = await other.create({ ...name, part: 'begun' })
    await begun.write(randomBytes(partBytes + 128 * 1024))
    await home.store.removeDrafts(Date.now() + 2_000)
    expect(await Array.fromAsync(home.store.untouched(Date.now() + 2_000))).not.toContain(name.file)
    await home.store.removeAll(name.file)
    expect((await read(other, name)).toString()).toBe('stays')
    expect((await home.s3.uploads()).map(({ key }) => key)).toEqual([`elsewhere/${name.file}/begun`])
    await begun.abort()
    stranger.close()
  })
})

function disposable(connection: S3Connection) {
  return { value: connection, [Symbol.asyncDispose]: async () => connection.close() }
}
