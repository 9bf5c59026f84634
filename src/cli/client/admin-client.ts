import { Agent, request } from 'undici'
import { errorAnswer } from './answers.ts'
import { ApiError, ConnectionError, UsageError } from './failures.ts'

export interface AdminConnection {
  /** Without a slash at its end. */
  readonly url: string
  readonly adminKey: string
}

/** The operator's key comes only from the environment: `ps` shows arguments. @throws UsageError */
export function readAdminConnection(flags: { url?: string | undefined }, env: NodeJS.ProcessEnv): AdminConnection {
  const text = flags.url ?? (env.SLUICE_URL || 'http://127.0.0.1:4000')
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new UsageError(`${JSON.stringify(text)} is not an http:// or https:// URL.`)
  }
  const adminKey = env.SLUICE_ADMIN_KEY?.trim()
  if (!adminKey)
    throw new UsageError('No operator’s key: set SLUICE_ADMIN_KEY to the one that the API was started with.')
  return { url: `${url.origin}${url.pathname}`.replace(/\/+$/, '').replace(/\/v1$/, ''), adminKey }
}

/** The text of an answer of `/admin/v1/…`. @throws ApiError, ConnectionError, or UsageError where there is no admin API. */
export async function getAdmin(
  connection: AdminConnection,
  path: string,
  query: Readonly<Record<string, string | undefined>> = {},
): Promise<string> {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, value)
  return callAdmin(connection, { method: 'GET', path: `${path}?${parameters}` })
}

/** The text of the answer to a request that changes something, or whose question is a body. @throws as `getAdmin` */
export function sendAdmin(
  connection: AdminConnection,
  call: { method: 'POST' | 'DELETE'; path: string; body?: object },
): Promise<string> {
  return callAdmin(connection, call)
}

async function callAdmin(
  connection: AdminConnection,
  { method, path, body }: { method: 'GET' | 'POST' | 'DELETE'; path: string; body?: object },
): Promise<string> {
  const agent = new Agent({ connectTimeout: 5_000, headersTimeout: 60_000, bodyTimeout: 60_000 })
  try {
    const answer = await request(`${connection.url}/admin/v1${path}`, {
      dispatcher: agent,
      method,
      headers: {
        authorization: `Bearer ${connection.adminKey}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    })
    const text = await answer.body.text()
    if (answer.statusCode < 300) return text
    throw toFailure(answer.statusCode, text)
  } catch (error) {
    if (error instanceof ApiError || error instanceof UsageError) throw error
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'no answer'
    throw new ConnectionError(connection.url, reason, { cause: error })
  } finally {
    await agent.close()
  }
}

function toFailure(status: number, text: string): ApiError | UsageError {
  const parsed = errorAnswer.safeParse(parseJson(text))
  const error = parsed.success ? parsed.data.error : null
  if (error?.code === 'route_not_found') {
    return new UsageError('This API has no admin routes: start it with SLUICE_ADMIN_KEY set.')
  }
  // The hint for tenants' keys would lead astray.
  const code = error?.code === 'invalid_api_key' ? 'invalid_admin_key' : (error?.code ?? `http_${status}`)
  return new ApiError({ status, code, message: error?.message ?? `The answer was HTTP ${status}.` })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
