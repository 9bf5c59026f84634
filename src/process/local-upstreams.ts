import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { z } from 'zod'
import { StartError } from './environment.ts'

const ollamaUrl = 'http://127.0.0.1:11434'
const ollamaTags = z.object({
  models: z.array(z.object({ name: z.string(), remote_host: z.string().optional() })),
})

/**
 * The models that an Ollama on this machine serves; none when there is none. Models that it would fetch from somebody's
 * cloud (`remote_host`) are left out: they are not what their address says.
 */
export async function findOllamaModels(): Promise<string[]> {
  try {
    const { statusCode, body } = await request(`${ollamaUrl}/api/tags`, { signal: AbortSignal.timeout(300) })
    if (statusCode !== 200) return []
    const { models } = ollamaTags.parse(await body.json())
    return models.filter((model) => !model.remote_host).map((model) => model.name)
  } catch {
    return []
  }
}

export interface SandboxProcess {
  readonly url: string
  stop(): void
}

/** Starts the sandbox upstream in a process of its own on a free port. */
export async function startSandboxProcess(): Promise<SandboxProcess> {
  const main = fileURLToPath(new URL('../sandbox/main.ts', import.meta.url))
  const child = spawn(process.execPath, [main, '--port', '0'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const stop = () => {
    child.kill('SIGTERM')
  }
  process.once('exit', stop)
  const url = await readReadyLine(child)
  return { url: `${url}/v1`, stop }
}

function readReadyLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new StartError(`The sandbox upstream ended at its start with code ${code}.`)))
    if (!child.stdout) return reject(new StartError('The sandbox upstream has no output.'))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const url = /^ready: (\S+)/.exec(line)?.[1]
      if (url) resolve(url)
    })
  })
}
