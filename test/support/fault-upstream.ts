import dns from 'node:dns'
import { readFile } from 'node:fs/promises'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import path from 'node:path'
import tls from 'node:tls'
import { answerWell, type Fault, readBody } from './faults.ts'

const domain = '.fault.test'
const folder = path.join(import.meta.dirname, '../fixtures/tls')

export interface FaultUpstream extends AsyncDisposable {
  /** The base URL of a deployment, from now on with this fault for its first `times` calls. */
  deploy(deployment: string, fault: Fault | null, times?: number): string
  /** When calls of a deployment got as far as their fault, or were answered; in Unix milliseconds. */
  callsOf(deployment: string): readonly number[]
}

/** One deployment: what is wrong with it, and for how many calls more. */
interface Deployment {
  readonly fault: Fault | null
  faultyCalls: number
  readonly calls: number[]
}

/**
 * An upstream that goes wrong in any way that a network can: every deployment has a host name of its own below a domain
 * that only this process knows, so a lookup, a connection, a handshake and an answer can each fail and recover.
 */
export async function startFaultUpstream(): Promise<FaultUpstream> {
  await using cleanup = new AsyncDisposableStack()
  const deployments = new Map<string, Deployment>()
  const take = (host: string, layers: readonly Fault['layer'][]): Fault | null => {
    const deployment = deployments.get(host.split('.')[0] ?? '')
    if (!deployment) return null
    const isFaulty = deployment.fault !== null && deployment.faultyCalls > 0 && layers.includes(deployment.fault.layer)
    // A call counts once: where it fails, or where it is answered.
    if (isFaulty || layers.includes('http')) deployment.calls.push(Date.now())
    if (!isFaulty) return null
    deployment.faultyCalls -= 1
    return deployment.fault
  }
  const answer: RequestListener = async (request, response) => {
    const host = request.headers.host ?? ''
    const isStream = (JSON.parse(await readBody(request)) as { stream?: boolean }).stream === true
    const fault = take(host, ['http'])
    if (fault?.answer) await fault.answer({ isStream, socket: request.socket }, response)
    else answerWell(`answer of ${host.split('.')[0]}`, isStream, response)
  }

  cleanup.defer(answerLookups(take))
  const plain = await listen(cleanup, createHttpServer(answer))
  const [cert, key] = await Promise.all(
    ['fault-test.crt', 'fault-test.key'].map((name) => readFile(path.join(folder, name), 'utf8')),
  )
  if (!cert || !key) throw new Error('no certificate')
  const secure = await listen(cleanup, createHttpsServer({ cert, key }, answer))
  const front = await listen(cleanup, createTcpServer(refuseHandshakes(take, secure)))
  cleanup.defer(trust(cert))

  const owned = cleanup.move()
  return {
    deploy(deployment, fault, times = Number.POSITIVE_INFINITY) {
      deployments.set(deployment, { fault, faultyCalls: times, calls: [] })
      const isSecure = fault?.layer === 'tls'
      return `${isSecure ? 'https' : 'http'}://${deployment}${domain}:${isSecure ? front : plain}/v1`
    },
    callsOf: (deployment) => deployments.get(deployment)?.calls ?? [],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

type Take = (host: string, layers: readonly Fault['layer'][]) => Fault | null

/** Answers lookups below the domain in this process, until the returned function is called. */
function answerLookups(take: Take): () => void {
  const real = dns.lookup
  const lookup = (host: string, options: unknown, callback: (...answer: unknown[]) => void) => {
    if (!host.endsWith(domain)) return (real as (...words: unknown[]) => void)(host, options, callback)
    const fault = take(host, ['dns', 'refused'])
    // Nothing listens on the other loopback address.
    const found = fault?.layer === 'refused' ? { address: '::1', family: 6 } : { address: '127.0.0.1', family: 4 }
    const isAll = typeof options === 'object' && options !== null && 'all' in options && options.all === true
    setImmediate(() => {
      if (fault?.layer === 'dns') {
        callback(
          Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND', syscall: 'getaddrinfo' }),
        )
      } else if (isAll) callback(null, [found])
      else callback(null, found.address, found.family)
    })
  }
  dns.lookup = lookup as unknown as typeof dns.lookup
  return () => {
    dns.lookup = real
  }
}

/** Answers a handshake in plain text where it is to fail, else hands the connection to the server behind. */
function refuseHandshakes(take: Take, port: number): (socket: Socket) => void {
  return (socket) => {
    socket.on('error', () => {})
    socket.once('data', (hello: Buffer) => {
      const host = /[a-z0-9-]+\.fault\.test/.exec(hello.toString('latin1'))?.[0] ?? ''
      if (take(host, ['tls'])) return void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
      const behind = connect(port, '127.0.0.1')
      behind.on('error', () => socket.destroy())
      behind.write(hello)
      behind.pipe(socket).pipe(behind)
    })
  }
}

/** Has this process trust a certificate, until the returned function is called. */
function trust(cert: string): () => void {
  const before = tls.getCACertificates('default')
  tls.setDefaultCACertificates([...before, cert])
  return () => tls.setDefaultCACertificates(before)
}

async function listen(cleanup: AsyncDisposableStack, server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanup.defer(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return (server.address() as AddressInfo).port
}
