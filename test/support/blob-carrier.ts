/**
 * A process that writes so many mebibytes into a bucket and reads them back, and says by how many its memory grew at most:
 * `node blob-carrier.ts ENDPOINT BUCKET MEBIBYTES`.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createFileId } from '../../src/core/file.ts'
import { S3BlobStore } from '../../src/store/blobs/s3-blob-store.ts'
import { S3Connection } from '../../src/store/blobs/s3-connection.ts'

const [url = '', bucket = '', mebibytes = ''] = process.argv.slice(2)
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }
const settings = { bucket, region: 'us-east-1', endpoint: url, prefix: '', pathStyle: true, credentials }
const connection = new S3Connection(settings, log)
const store = new S3BlobStore(connection, { current: randomBytes(32), previous: [] })
const mebibyte = randomBytes(1024 * 1024)

async function write(count: number, look: () => void) {
  const name = { file: createFileId(), part: 'one' }
  const hash = createHash('sha256')
  const writer = await store.create(name)
  for (let index = 0; index < count; index += 1) {
    hash.update(mebibyte)
    await writer.write(mebibyte)
    look()
  }
  await writer.close()
  return { name, hash: hash.digest('hex') }
}

async function read(name: Awaited<ReturnType<typeof write>>['name'], look: () => void): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of store.read(name)) {
    hash.update(piece)
    look()
  }
  return hash.digest('hex')
}

// What a process needs anyway once it has done all of it a first time.
const { name: small } = await write(12, () => {})
await read(small, () => {})
const before = process.memoryUsage.rss()
let most = before
const look = () => {
  most = Math.max(most, process.memoryUsage.rss())
}
const { name, hash } = await write(Number(mebibytes), look)
const isSame = (await read(name, look)) === hash
console.log(JSON.stringify({ grownBytes: most - before, isSame }))
connection.close()
