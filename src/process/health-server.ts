import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { RunningRole } from '../compose/runtime.ts'

/** Serves a worker's `/health/live`, `/health/ready` and `/metrics`. */
export async function startHealthServer(options: {
  port: number
  host: string
  role: RunningRole
  metricsText: () => Promise<string>
}): Promise<{ port: number; close: () => void }> {
  const answer = async (path: string | undefined): Promise<{ status: number; type: string; body: string }> => {
    if (path === '/health/live') return { status: 200, type: 'application/json', body: '{"status":"live"}' }
    if (path === '/metrics')
      return { status: 200, type: 'text/plain; version=0.0.4', body: await options.metricsText() }
    if (path !== '/health/ready') return { status: 404, type: 'application/json', body: '{"status":"unknown path"}' }
    const ready = await Promise.race([
      options.role.checkReady().then(() => true),
      new Promise<false>((resolve) => setTimeout(() => resolve(false), 400)),
    ]).catch(() => false)
    const body = JSON.stringify({ status: ready ? 'ready' : 'redis is away' })
    return { status: ready ? 200 : 503, type: 'application/json', body }
  }
  const server = createServer(async (request, response) => {
    const { status, type, body } = await answer(request.url).catch(() => ({
      status: 500,
      type: 'text/plain',
      body: '',
    }))
    response.writeHead(status, { 'content-type': type }).end(body)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }
}
