import type { Command } from 'commander'
import { UsageError } from './failures.ts'

/** Where the API is and whose key is used. */
export interface Connection {
  /** Without a slash at its end. */
  readonly url: string
  readonly apiKey: string
}

const defaultUrl = 'http://127.0.0.1:4000'

/** The options that every command which talks to the API has. The key comes only from the environment: `ps` shows arguments. */
export function addConnectionOptions(command: Command): Command {
  return command.option('--url <url>', `where Sluice is (default: $SLUICE_URL, or ${defaultUrl})`)
}

/** @throws UsageError where the URL is none, or the environment has no key. */
export function readConnection(options: { url?: string }, env: NodeJS.ProcessEnv): Connection {
  const text = options.url ?? (env.SLUICE_URL || defaultUrl)
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new UsageError(`${JSON.stringify(text)} is not an http:// or https:// URL.`)
  }
  const apiKey = env.SLUICE_API_KEY?.trim()
  if (!apiKey) {
    throw new UsageError('No API key: set SLUICE_API_KEY. `sluice up` prints the key at its first start.')
  }
  // The official SDKs are given the address with /v1, so people have it in that form too.
  return { url: `${url.origin}${url.pathname}`.replace(/\/+$/, '').replace(/\/v1$/, ''), apiKey }
}
