/** The part of s3rver that the tests use; it comes without types. */
declare module '@20minutes/s3rver' {
  import type { RequestListener } from 'node:http'

  interface StoredObject {
    readonly key: string
    readonly lastModifiedDate: Date
  }

  export interface Store {
    putBucket(bucket: string): Promise<unknown>
    putContent(path: string, content: unknown): Promise<[number, string]>
    deleteObject(bucket: string, key: string): Promise<void>
    listObjects(bucket: string, options: object): Promise<{ readonly objects: readonly StoredObject[] }>
  }

  // biome-ignore lint/style/noDefaultExport: that is what it exports
  export default class S3rver {
    constructor(options: {
      directory: string
      silent: boolean
      vhostBuckets: boolean
    })
    readonly store: Store
    callback(): RequestListener
  }
}
