import { readdir, readFile, rm, stat } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Store } from '@20minutes/s3rver'

/** The least that S3 takes as a part that is not the last, in bytes. */
const leastPartBytes = 5 * 1024 * 1024

export interface OpenUpload {
  readonly key: string
  readonly id: string
  readonly begunMs: number
}

interface Gaps {
  readonly store: Store
  readonly bucket: string
  readonly folder: string
  /** How many entries a page has. */
  readonly pageSize: number
  /** Whether what is deleted stays as a version. */
  readonly isVersioned: boolean
}

/** One entry of a list, in the order of `cursor`. */
interface Entry {
  readonly key: string
  readonly cursor: string
  readonly xml: string
}

/**
 * What S3 does and s3rver does not: lists have pages (its own need DES, which OpenSSL 3 has no more), open uploads are
 * listed, checked and given up, and a bucket may keep versions.
 */
export class S3Gaps {
  readonly #gaps: Gaps
  readonly #uploads: string
  /** Keys whose latest version says that they are deleted. */
  readonly #markers = new Set<string>()

  constructor(gaps: Gaps) {
    this.#gaps = gaps
    this.#uploads = join(gaps.folder, gaps.bucket, '._S3rver_uploads')
  }

  async uploads(): Promise<OpenUpload[]> {
    const ids = await readdir(this.#uploads).catch(() => [])
    const found = ids.map(async (id) => {
      const path = join(this.#uploads, id, 'key')
      return { key: await readFile(path, 'utf8'), id, begunMs: (await stat(path)).mtimeMs }
    })
    return Promise.all(found)
  }

  async objects(): Promise<{ readonly key: string; readonly modified: string }[]> {
    const { objects } = await this.#gaps.store.listObjects(this.#gaps.bucket, {})
    return objects.map(({ key, lastModifiedDate }) => ({ key, modified: lastModifiedDate.toISOString() }))
  }

  /** Versions and markers. */
  async versions(): Promise<Entry[]> {
    const marked = [...this.#markers].map((key) => ({ key, modified: new Date().toISOString() }))
    const entries = (list: readonly { key: string; modified: string }[], kind: string, version: string) =>
      list.map(({ key, modified }) => {
        const facts = `<Key>${key}</Key><VersionId>${version}</VersionId><LastModified>${modified}</LastModified>`
        return { key, cursor: `${key} ${version}`, xml: `<${kind}>${facts}</${kind}>` }
      })
    return [...entries(await this.objects(), 'Version', 'first'), ...entries(marked, 'DeleteMarker', 'marker')]
  }

  /** Answers what s3rver would not or not rightly. False where it is s3rver's. */
  async answer(request: IncomingMessage, response: ServerResponse, key: string, url: URL): Promise<boolean> {
    const { method } = request
    const query = url.searchParams
    if (key === '') return this.#answerOfBucket(response, url)
    const upload = query.get('uploadId')
    if (upload !== null) return this.#checkUpload(upload, request, response)
    if (!this.#gaps.isVersioned) return false
    if (method === 'GET' && this.#markers.has(key)) return refuse(response, 404, 'NoSuchKey')
    if (method !== 'DELETE' || query.get('versionId') === 'first') return false
    if (query.has('versionId')) this.#markers.delete(key)
    else this.#markers.add(key)
    return send(response, 204, '')
  }

  async #answerOfBucket(response: ServerResponse, { pathname, searchParams: query }: URL): Promise<true> {
    if (pathname.split('/')[1] !== this.#gaps.bucket) return refuse(response, 404, 'NoSuchBucket')
    if (query.has('versioning')) {
      const status = this.#gaps.isVersioned ? '<Status>Enabled</Status>' : ''
      return send(response, 200, `<VersioningConfiguration>${status}</VersioningConfiguration>`)
    }
    if (query.has('uploads')) {
      const entries = (await this.uploads()).map(({ key, id, begunMs }) => {
        const begun = new Date(begunMs).toISOString()
        const facts = `<Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${begun}</Initiated>`
        return { key, cursor: `${key} ${id}`, xml: `<Upload>${facts}</Upload>` }
      })
      return this.#list(response, query, { root: 'ListMultipartUploadsResult', entries, words: ['Key', 'UploadId'] })
    }
    if (query.has('versions')) {
      const entries = await this.versions()
      return this.#list(response, query, { root: 'ListVersionsResult', entries, words: ['Key', 'VersionId'] })
    }
    const entries = (await this.objects()).map(({ key, modified }) => {
      const xml = `<Contents><Key>${key}</Key><LastModified>${modified}</LastModified></Contents>`
      return { key, cursor: key, xml }
    })
    return this.#list(response, query, { root: 'ListBucketResult', entries, words: null })
  }

  /** One page. `words` are the two that name a place in the list; null where one token does. */
  #list(
    response: ServerResponse,
    query: URLSearchParams,
    { root, entries, words }: { root: string; entries: readonly Entry[]; words: readonly [string, string] | null },
  ): true {
    const [keyMarker, idMarker] = ['key-marker', words?.[1] === 'UploadId' ? 'upload-id-marker' : 'version-id-marker']
    const from = words ? `${query.get(keyMarker) ?? ''} ${query.get(idMarker) ?? ''}` : query.get('continuation-token')
    const prefix = query.get('prefix') ?? ''
    const rest = entries
      .filter(({ key, cursor }) => key.startsWith(prefix) && cursor > (from ?? ''))
      .sort((left, right) => (left.cursor < right.cursor ? -1 : 1))
    const page = rest.slice(0, this.#gaps.pageSize)
    const isTruncated = rest.length > page.length
    const cursor = page.at(-1)?.cursor ?? ''
    const [key, id] = cursor.split(' ')
    const next = words
      ? `<NextKeyMarker>${key}</NextKeyMarker><Next${words[1]}Marker>${id}</Next${words[1]}Marker>`
      : `<NextContinuationToken>${cursor}</NextContinuationToken>`
    const xml = page.map((entry) => entry.xml).join('')
    const text = `<IsTruncated>${isTruncated}</IsTruncated>${isTruncated ? next : ''}${xml}`
    return send(response, 200, `<${root}>${text}</${root}>`)
  }

  async #checkUpload(upload: string, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const folder = join(this.#uploads, upload)
    const names = await readdir(folder).catch(() => null)
    if (!names) {
      request.resume()
      return refuse(response, 404, 'NoSuchUpload')
    }
    if (request.method === 'DELETE') {
      await rm(folder, { recursive: true })
      return send(response, 204, '')
    }
    if (request.method !== 'POST') return false
    const numbers = names.filter((name) => /^\d+$/.test(name)).sort((left, right) => Number(left) - Number(right))
    const sizes = await Promise.all(numbers.map(async (name) => (await stat(join(folder, name))).size))
    if (sizes.slice(0, -1).every((size) => size >= leastPartBytes)) return false
    request.resume()
    return refuse(response, 400, 'EntityTooSmall')
  }
}

/** An error in S3's form. */
export function refuse(response: ServerResponse, status: number, code: string): true {
  return send(response, status, `<Error><Code>${code}</Code><Message>${code}</Message></Error>`)
}

function send(response: ServerResponse, status: number, xml: string): true {
  const declaration = xml === '' ? '' : '<?xml version="1.0" encoding="UTF-8"?>\n'
  response.writeHead(status, { 'content-type': 'application/xml' }).end(declaration + xml)
  return true
}
