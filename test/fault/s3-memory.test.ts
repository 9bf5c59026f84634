import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { startS3Server } from '../support/s3-server.ts'

const carrier = fileURLToPath(new URL('../support/blob-carrier.ts', import.meta.url))
const mebibyte = 1024 * 1024

it('200 MiB go into a bucket and come out again in memory that does not grow with them', async () => {
  await using s3 = await startS3Server()
  const { stdout } = await promisify(execFile)(process.execPath, [carrier, s3.url, s3.bucket, '200'])
  const { grownBytes, isSame } = JSON.parse(stdout) as { grownBytes: number; isSame: boolean }
  expect(isSame).toBe(true)
  expect(grownBytes).toBeLessThan(80 * mebibyte)
  const parts = s3.calls.filter(({ operation }) => operation === 'UploadPart')
  expect(parts.length).toBeGreaterThan(40)
}, 180_000)
