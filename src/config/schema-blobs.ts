/** Where the content of files lies. */
import { z } from 'zod'
import { apiKey, baseUrl } from './schema-fields.ts'

const s3 = z
  .strictObject({
    bucket: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/, {
        error: 'names of buckets are 3 to 63 letters, digits and "._-"',
      })
      .describe('The bucket. It must exist; Sluice makes none.'),
    region: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'must be a region such as "eu-central-1", or what the store says' })
      .describe('Its region; what a store that is not AWS’s calls it, often `us-east-1` or `auto`.'),
    endpoint: baseUrl.optional().describe('URL of a store that is not AWS’s: MinIO, Ceph, Cloudflare R2 and others.'),
    prefix: z
      .string()
      .max(512)
      .regex(/^(?!\/)(?!.*\/\/)(?!(?:.*\/)?\.{1,2}(?:\/|$))[A-Za-z0-9!_.*'()/-]*$/, {
        error: 'must be letters, digits and "!_.*\'()-", with "/" in between',
      })
      .transform((prefix) => (prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`))
      .prefault('')
      .describe('What the keys of all objects begin with.'),
    path_style: z
      .boolean()
      .default(false)
      .describe('Whether the bucket stands in the path of URLs and not in the host; most own stores want it.'),
    access_key_id: apiKey
      .optional()
      .describe('With `secret_access_key`. Absent: what AWS’s own chain finds, such as the role of the machine.'),
    secret_access_key: apiKey.optional().describe('With `access_key_id`.'),
    session_token: apiKey.optional().describe('Of temporary credentials.'),
  })
  .describe('A bucket of S3, or of a store that speaks like it.')

export const blobs = z
  .strictObject({ s3: s3.optional() })
  .prefault({})
  .describe('Where the content of files lies. Absent: in `data_dir`.')
