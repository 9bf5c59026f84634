import { once } from 'node:events'
import { mkdtempDisposable, rename } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import S3rver, { type Store } from '@20minutes/s3rver'
import type { ConfigInput } from '../../src/config/schema.ts'
import { type OpenUpload, refuse, S3Gaps } from './s3-gaps.ts'

export interface S3Call {
  readonly operation: string
  /** Empty where the call is about the bucket. */
  readonly key: string
  readonly headers: IncomingHttpHeaders
}

/** How a call goes wrong; `lose-answer` does what was asked and says nothing, `{ cutAfter }` stops after so many bytes. */
export type S3Trouble = 'reset' | 'hang' | 'slow-down' | 'denied' | 'lose-answer' | { readonly cutAfter: number }

/** A real S3 server with one bucket, in this process, that can be made to fail. */
export interface S3Server extends AsyncDisposable {
  readonly url: string
  readonly bucket: string
  /** What `sluice.yaml` says to use it. */
  readonly config: NonNullable<NonNullable<ConfigInput['blobs']>['s3']>
  /** Where it keeps its objects. */
  readonly folder: string
  /** Every call so far. */
  readonly calls: readonly S3Call[]
  /** Which calls fail, and how; none where it is null. */
  trouble: ((call: S3Call) => S3Trouble | null) | null
  keys(): Promise<string[]>
  uploads(): Promise<OpenUpload[]>
  /** Of a bucket with versions: all that is there, what is deleted included. */
  versions(): Promise<{ readonly key: string }[]>
}

const bucket = 'sluice-files'

export async function startS3Server(
  options: { isVersioned?: boolean; pageSize?: number; prefix?: string } = {},
): Promise<S3Server> {
  const { isVersioned = false, pageSize = 1_000, prefix = '' } = options
  const directory = await mkdtempDisposable(join(tmpdir(), 'sluice-s3-'))
  const s3rver = new S3rver({ directory: directory.path, silent: true, vhostBuckets: false })
  const { store } = s3rver
  await store.putBucket(bucket)
  const gaps = new S3Gaps({ store, bucket, folder: directory.path, pageSize, isVersioned })
  mend(store)
  const calls: S3Call[] = []
  const answer = s3rver.callback()
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '', 'http://s3')
    const key = decodeURIComponent(url.pathname.slice(`/${bucket}/`.length))
    const call = { operation: operationOf(request, key, url.searchParams), key, headers: request.headers }
    calls.push(call)
    if (go(running.trouble?.(call) ?? null, request, response)) return
    if (!(await gaps.answer(request, response, key, url))) await answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const running: S3Server = {
    url,
    bucket,
    config: {
      bucket,
      region: 'us-east-1',
      endpoint: url,
      path_style: true,
      prefix,
      access_key_id: 'S3RVER',
      secret_access_key: 'S3RVER',
    },
    folder: directory.path,
    calls,
    trouble: null,
    keys: async () => (await gaps.objects()).map(({ key }) => key),
    uploads: () => gaps.uploads(),
    versions: () => gaps.versions(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      await directory.remove()
    },
  }
  return running
}

/** Where s3rver does otherwise than S3: half an upload shows, and deletions at the same time fail. */
function mend(store: Store): void {
  const { putContent, deleteObject } = store
  let drafts = 0
  store.putContent = async (path, content) => {
    const draft = `${path}.${drafts++}.draft`
    const written = await putContent.call(store, draft, content)
    await rename(draft, path)
    return written
  }
  let deleting: Promise<void> = Promise.resolve()
  store.deleteObject = (from, key) => {
    const next = deleting.then(() => deleteObject.call(store, from, key))
    deleting = next.catch(() => {})
    return next
  }
}

function operationOf({ method, headers }: IncomingMessage, key: string, query: URLSearchParams): string {
  if (key === '') {
    if (query.has('uploads')) return 'ListMultipartUploads'
    if (query.has('versioning')) return 'GetBucketVersioning'
    return query.has('versions') ? 'ListObjectVersions' : 'ListObjectsV2'
  }
  if (method === 'POST') return query.has('uploads') ? 'CreateMultipartUpload' : 'CompleteMultipartUpload'
  if (method === 'PUT') return query.has('uploadId') ? 'UploadPart' : 'PutObject'
  if (method === 'DELETE') return query.has('uploadId') ? 'AbortMultipartUpload' : 'DeleteObject'
  return method === 'HEAD' ? 'HeadObject' : `GetObject${headers.range === undefined ? ' without a range' : ''}`
}

/** Makes the trouble. True where nothing else is to be done. */
function go(trouble: S3Trouble | null, request: IncomingMessage, response: ServerResponse): boolean {
  if (trouble === null) return false
  if (trouble === 'hang') return true
  if (trouble === 'reset') {
    request.socket.resetAndDestroy()
    return true
  }
  if (trouble === 'slow-down' || trouble === 'denied') {
    request.resume()
    return trouble === 'denied' ? refuse(response, 403, 'AccessDenied') : refuse(response, 503, 'SlowDown')
  }
  if (trouble === 'lose-answer') {
    const lose = () => {
      request.socket.destroy()
      return response
    }
    response.end = lose
    response.write = () => {
      lose()
      return false
    }
    return false
  }
  cut(response, trouble.cutAfter)
  return false
}

/** Bytes of the body that come later are not sent, and the connection closes. */
function cut(response: ServerResponse, cutAfter: number): void {
  const write = response.write.bind(response) as (chunk: Buffer, done: () => void) => boolean
  let left = cutAfter
  response.write = ((chunk: Buffer) => {
    if (chunk.length < left) {
      left -= chunk.length
      return write(chunk, () => {})
    }
    const rest = chunk.subarray(0, left)
    left = 0
    write(rest, () => response.socket?.destroy())
    return false
  }) as typeof response.write
}
