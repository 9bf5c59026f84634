import { join, resolve } from 'node:path'
import type { Config } from '../config/schema.ts'
import type { BlobStore } from '../core/blob-store.ts'
import type { Logger } from '../core/telemetry.ts'
import { FolderBlobStore } from '../store/blobs/folder-blob-store.ts'
import type { S3Settings } from '../store/blobs/s3-connection.ts'
import type { VaultKeys } from '../store/sealing.ts'

/** Where the content of files lies: a bucket where the configuration names one, else a folder. */
export async function openBlobs(config: Config, { keys, log }: { keys: VaultKeys; log: Logger }): Promise<BlobStore> {
  const settings = s3SettingsOf(config)
  if (!settings) return new FolderBlobStore(join(resolve(config.data_dir), 'blobs'), keys)
  // AWS's client takes a fifth of a second to load: whoever has a folder does not wait for it.
  const [{ S3BlobStore }, { S3Connection }] = await Promise.all([
    import('../store/blobs/s3-blob-store.ts'),
    import('../store/blobs/s3-connection.ts'),
  ])
  return new S3BlobStore(new S3Connection(settings, log), keys)
}

/**
 * Tries the bucket out; null where files are in a folder.
 * @throws UnusableBucketError where it refuses; BrokerError `blob_store_unavailable` where it is away.
 */
export async function tryBucket(config: Config, log: Logger): Promise<{ keepsVersions: boolean } | null> {
  const settings = s3SettingsOf(config)
  if (!settings) return null
  const [{ checkBucket }, { S3Connection }] = await Promise.all([
    import('../store/blobs/s3-check.ts'),
    import('../store/blobs/s3-connection.ts'),
  ])
  const s3 = new S3Connection(settings, log)
  try {
    return await checkBucket(s3)
  } finally {
    s3.close()
  }
}

function s3SettingsOf({ blobs: { s3 } }: Config): S3Settings | null {
  if (!s3) return null
  const { bucket, region, endpoint, prefix, path_style: pathStyle } = s3
  const { access_key_id: id, secret_access_key: secret, session_token: token } = s3
  return {
    bucket,
    region,
    prefix,
    pathStyle,
    ...(endpoint !== undefined && { endpoint }),
    ...(id &&
      secret && {
        credentials: {
          accessKeyId: id.reveal(),
          secretAccessKey: secret.reveal(),
          ...(token && { sessionToken: token.reveal() }),
        },
      }),
  }
}
