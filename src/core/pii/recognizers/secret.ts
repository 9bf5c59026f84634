import type { Recognizer } from '../recognizer.ts'
import { findAssignedSecrets } from '../secrets/assigned-secrets.ts'
import { findCommandUsers } from '../secrets/command-lines.ts'
import { findKinds } from '../secrets/find-kinds.ts'
import { findVendorKeys } from '../secrets/find-vendor-keys.ts'
import { findInHeaders } from '../secrets/headers.ts'
import { findPrivateKeys } from '../secrets/private-keys.ts'
import { findTenantAddresses } from '../secrets/tenant-addresses.ts'
import { findJsonWebTokens } from '../secrets/tokens.ts'

// Assembled here, so that no scanner takes this file for a leak.
const sample = (prefix: string, length: number) =>
  prefix + 'Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z'.repeat(4).slice(0, length)

export const secret: Recognizer = {
  entity: 'SECRET',
  examples: {
    finds: [
      `AWS_ACCESS_KEY_ID=AKIA${'ABCDEFGH23456723'}`,
      `12-${sample('ghp_', 36)}-34`,
      sample('github_pat_', 60),
      sample('glpat-', 20),
      `key ${sample('sk-proj-', 48)} used`,
      sample('sk-ant-api03-', 60),
      sample('xoxb-1234567890-', 24),
      sample('AIza', 35),
      sample('sk_live_', 24),
      sample('npm_', 36),
      sample('hf_', 34),
      `SG.${sample('', 22)}.${sample('', 43)}`,
      `Authorization: Bearer ⟦${sample('', 40)}⟧`,
      'Authorization: Basic ⟦YWRhOmNvcnJlY3QtaG9yc2U=⟧',
      `Set-Cookie: sid=⟦${sample('s%3A', 24)}⟧; Path=/; HttpOnly`,
      `eyJhbGciOiJIUzI1NiJ9.${sample('eyJ', 30)}.${sample('', 43)}`,
      `Bearer eyJhbGciOiJIUzI1NiJ9.${sample('eyJ', 30)}.${sample('', 43)}`,
      `-----BEGIN RSA PRIVATE KEY-----\n${sample('', 64)}\n-----END RSA PRIVATE KEY-----`,
      `-----BEGIN PRIVATE KEY-----\n${sample('', 64)}\n${sample('', 64)}`,
      `"client_secret": "⟦${sample('', 32)}⟧"`,
      `Security token ⟦${sample('', 32)}⟧`,
      `DATADOG_API_KEY=⟦${'3f9a1c7be2d84056a1b9c3d7e5f60248'}⟧`,
      'SNOWFLAKE_HOST=⟦acme-eu1.snowflakecomputing.com⟧',
      'curl -s -u ⟦elastic:P@ssw0rd$1⟧ https://localhost:9200',
      `\\n${sample('ghp_', 36)}\\n`,
    ],
    ignores: [
      'sk-short',
      'task-management-for-large-organisations-2026',
      'the bearer of bad news',
      'Bearer YOUR_ACCESS_TOKEN_GOES_HERE',
      'AKIA',
      'github_pat_',
      '-----BEGIN PUBLIC KEY-----',
      'max_tokens: 1024, key = value, secret=process.env.CLIENT_SECRET',
      'token 1608999687919862906 at 2026-11-21T10:15:43Z',
      'request 3f9a1c7be2d84056a1b9c3d7e5f60248 took 12 ms',
      'commit 43fc912ef59a83054ea7f6706df4d53a7dea4d80',
      'trace_id=0736f5ef-7e88-499a-80cc-90c85d2a5180',
      'public_key_path: keys/2026-01-10/server01.pem',
      'Set-Cookie: theme=dark; Path=/',
      'see https://jfrog.io/docs',
    ],
  },
  find: (scan) => [
    ...findKinds(scan),
    ...findVendorKeys(scan),
    ...findAssignedSecrets(scan),
    ...findInHeaders(scan),
    ...findCommandUsers(scan),
    ...findPrivateKeys(scan),
    ...findTenantAddresses(scan),
    ...findJsonWebTokens(scan),
  ],
}
