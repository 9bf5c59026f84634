import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtempDisposable, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from 'undici'
import { onFreePort } from '../../src/store/embedded/free-port.ts'

const root = path.resolve(import.meta.dirname, '../..')
const certificate = path.join(root, 'test/fixtures/tls/fault-test.crt')
const certificateKey = path.join(root, 'test/fixtures/tls/fault-test.key')
/** A name that the certificate is good for. */
const servername = 'sluice.fault.test'

export interface Nginx extends AsyncDisposable {
  /** `https://127.0.0.1:PORT` */
  readonly url: string
  /** How to call it: by its certificate. */
  readonly tls: { readonly ca: Buffer; readonly servername: string }
  readonly dispatcher: Agent
}

export interface NginxOptions {
  readonly program: string
  /** Where the API is. */
  readonly apiUrl: string
  /** Of the configuration in the documentation, what is otherwise here. */
  readonly instead: Readonly<Record<string, string>>
}

/** A real nginx in front of an API, with the configuration of docs/operations.md, in a folder of its own. */
export async function startNginx(options: NginxOptions): Promise<Nginx> {
  await using cleanup = new AsyncDisposableStack()
  const folder = cleanup.use(await mkdtempDisposable(path.join(tmpdir(), 'sluice-nginx-'))).path
  await mkdir(path.join(folder, 'temp'))
  const { port, child } = await onFreePort((free) => launch(options, folder, free))
  cleanup.defer(async () => {
    if (child.exitCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
  })
  const tls = { ca: await readFile(certificate), servername }
  const dispatcher = new Agent({ connect: tls, bodyTimeout: 0 })
  cleanup.defer(() => dispatcher.destroy())
  const owned = cleanup.move()
  return {
    url: `https://127.0.0.1:${port}`,
    tls,
    dispatcher,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Resolves when it takes connections. */
async function launch(options: NginxOptions, folder: string, port: number) {
  const file = path.join(folder, 'nginx.conf')
  await writeFile(file, await configurationOf(options, folder, port))
  const child = spawn(options.program, ['-p', folder, '-c', file, '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  while (!(await isOpen(port))) {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${said}`)
    await sleep(20)
  }
  return { port, child }
}

async function configurationOf({ apiUrl, instead }: NginxOptions, folder: string, port: number): Promise<string> {
  const page = await readFile(path.join(root, 'docs/operations.md'), 'utf8')
  let documented = /^```nginx\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? ''
  const changes = {
    'server 127.0.0.1:4000': `server ${new URL(apiUrl).host}`,
    'listen 443': `listen 127.0.0.1:${port}`,
    '/etc/nginx/sluice.crt': certificate,
    '/etc/nginx/sluice.key': certificateKey,
    ...instead,
  }
  for (const [there, here] of Object.entries(changes)) {
    if (!documented.includes(there)) throw new Error(`docs/operations.md has no "${there}" for nginx`)
    documented = documented.replace(there, here)
  }
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    daemon off;
    worker_processes 1;
    pid ${folder}/nginx.pid;
    events {}
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${folder}/temp/${name};`).join('\n      ')}
      ${documented}
    }
  `
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
