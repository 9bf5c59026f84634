import { randomUUID } from 'node:crypto'
import {
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { BrokerError } from '../../core/errors.ts'
import type { S3Connection } from './s3-connection.ts'
import { S3Failure } from './s3-failure.ts'
import { S3Objects } from './s3-objects.ts'

/** A bucket that will not do what is needed until somebody changes something. The message says what. */
class UnusableBucketError extends Error {
  override readonly name = 'UnusableBucketError'

  constructor(bucket: string, failure: S3Failure) {
    const hint = hintOf(failure)
    super(
      `The bucket ${bucket} (blobs.s3) cannot be used: ${failure.message}${hint === undefined ? '.' : `: ${hint}.`}`,
    )
  }
}

const hints: Readonly<Record<string, string>> = {
  NoSuchBucket: 'there is no such bucket',
  AccessDenied: 'the key lacks a right; docs/operations.md has the list',
  InvalidAccessKeyId: 'the access_key_id is not known there',
  SignatureDoesNotMatch: 'the secret_access_key is wrong',
  CredentialsProviderError: 'no keys are given, and AWS’s own chain found none',
  PermanentRedirect: 'it is in another region',
  AuthorizationHeaderMalformed: 'it is in another region',
  RangeIgnored: 'the store does not answer in ranges',
}

function hintOf({ code, status }: S3Failure): string | undefined {
  if (Object.hasOwn(hints, code)) return hints[code]
  if (status === 403) return hints.AccessDenied
  // What AWS's client makes of an answer that is no XML.
  return ['unknown', 'NotFound'].includes(code)
    ? 'whoever answers at the endpoint does not speak as an S3 does'
    : undefined
}

/**
 * Writes, reads, lists and removes an object of six bytes, and begins and gives up an upload in parts.
 * @throws UnusableBucketError where the bucket refuses; BrokerError `blob_store_unavailable` where it is away.
 */
export async function checkBucket(s3: S3Connection): Promise<{ keepsVersions: boolean }> {
  try {
    return await tryOut(s3)
  } catch (error) {
    const failure = error instanceof BrokerError ? error.cause : error
    if (failure instanceof S3Failure && (failure.isRefusal || failure.code === 'RangeIgnored')) {
      throw new UnusableBucketError(s3.bucket, failure)
    }
    throw error
  }
}

async function tryOut(s3: S3Connection): Promise<{ keepsVersions: boolean }> {
  const objects = new S3Objects(s3)
  const place = { Bucket: s3.bucket, Key: `${s3.prefix}check-${randomUUID()}` }
  const put = new PutObjectCommand({ ...place, Body: Buffer.from('sluice') })
  await s3.call('PutObject', (client, options) => client.send(put, options))
  const { Body: body, ContentRange: range } = await s3.call('GetObject', (client, options) =>
    client.send(new GetObjectCommand({ ...place, Range: 'bytes=2-3' }), options),
  )
  const content = await body?.transformToString()
  if (range !== 'bytes 2-3/6' || content !== 'ui') {
    throw new S3Failure('GetObject', { code: 'RangeIgnored', status: null })
  }
  const list = new ListObjectsV2Command({ Bucket: s3.bucket, Prefix: place.Key })
  await s3.call('ListObjectsV2', (client, options) => client.send(list, options))
  const create = new CreateMultipartUploadCommand(place)
  const { UploadId: id } = await s3.call('CreateMultipartUpload', (client, options) => client.send(create, options))
  if (id) await objects.giveUp({ key: place.Key, id })
  for await (const upload of objects.uploads(place.Key)) await objects.giveUp(upload)
  const keepsVersions = await objects.keepsVersions()
  await objects.removeKey(place.Key)
  return { keepsVersions }
}
