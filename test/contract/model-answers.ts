import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import type { ProviderFailure } from '../../src/core/provider.ts'
import { callOf, failureOf, patient, readStream, type StartProvider, ways } from './provider-harness.ts'
import { reply, replyInPieces, type Script, startUpstream } from './scripted-upstream.ts'

/** The answer to a waiting call. */
export async function completed(start: StartProvider, body: string) {
  await using upstream = await startUpstream(reply(200, { 'content-type': 'application/json' }, body))
  const provider = start({ url: upstream.url, timeouts: patient })
  try {
    return JSON.parse((await provider.complete(callOf())).bodyJson)
  } finally {
    await provider.close()
  }
}

/** What came of a stream, sent piece by piece. */
export async function streamed(start: StartProvider, type: string, ...pieces: (string | Buffer)[]) {
  await using upstream = await startUpstream(replyInPieces(type, pieces))
  const provider = start({ url: upstream.url, timeouts: patient })
  try {
    return await readStream(provider.stream(callOf()))
  } finally {
    await provider.close()
  }
}

/** Both calls fail as the upstream's answer says, and neither error repeats what it says. */
export async function expectFailure(
  start: StartProvider,
  script: Script,
  expected: { failure: ProviderFailure; status?: number | null; retryAfterMs?: number | null },
  secret = 'patient-4711',
): Promise<void> {
  for (const [way, run] of ways) {
    await using upstream = await startUpstream(script)
    const provider = start({ url: upstream.url, timeouts: patient })
    const failure = await failureOf(run(provider))
    await provider.close()
    expect({ way, ...failure }).toMatchObject({ way, ...expected })
    expect(inspect(failure, { depth: 10 })).not.toContain(secret)
  }
}

export type ErrorRow = readonly [
  status: number,
  what: string,
  body: object,
  failure: ProviderFailure,
  facts?: { readonly retryAfterMs?: number; readonly headers?: Record<string, string> },
]

/** The documented errors of an API, one row each. */
export function takesErrors(start: StartProvider, rows: readonly ErrorRow[]): void {
  it.each(rows.map((row) => [row[0], row[1], row] as const))('takes %i %s', async (_status, _what, row) => {
    const [status, , body, failure, { headers = {}, retryAfterMs = null } = {}] = row
    const script = reply(status, { 'content-type': 'application/json', ...headers }, JSON.stringify(body))
    await expectFailure(start, script, { failure, status, retryAfterMs })
  })
}
