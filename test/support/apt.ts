import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

// Installing a package over a slow line.
const downloadTimeoutMs = 180_000

/** Whether this is a Debian, or one of its kin, on which packages may be installed. */
export function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version')
}

/**
 * Installs a package for the tests, and says so in one line. `service` is one that the package starts where it can, and
 * at every boot: the tests start their own, so it is stopped. A failure is told and not thrown: the tests that need the
 * package are skipped then.
 */
export async function installPackage(name: string, { forWhat, service }: { forWhat: string; service?: string }) {
  console.log(`${forWhat}: none found; installing ${name} with apt-get`)
  try {
    await apt('update')
    await apt('install', '-y', '--no-install-recommends', name)
  } catch (error) {
    console.log(`apt-get could not install it: ${error instanceof Error ? error.message.trim() : error}`)
  }
  if (service === undefined) return
  await run('service', [service, 'stop']).catch(() => {})
  await run('update-rc.d', [service, 'disable']).catch(() => {})
}

/**
 * One at a time, because files that are tested side by side may each need a package and apt refuses where another one
 * reads its lists. Waits for others that hold its lock, such as an automatic upgrade.
 */
function apt(...words: string[]): Promise<unknown> {
  const lock = path.join(tmpdir(), 'sluice-test-apt.lock')
  return run('flock', [lock, 'apt-get', '-q', '-o', 'DPkg::Lock::Timeout=60', ...words])
}

function run(command: string, words: readonly string[]): Promise<unknown> {
  return promisify(execFile)(command, words, {
    timeout: downloadTimeoutMs,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
}
