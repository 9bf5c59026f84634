import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import path from 'node:path'
import { canInstall, installPackage } from './apt.ts'

/** What a test needs that npm does not bring. */
interface Program {
  readonly names: readonly string[]
  readonly debianPackage: string
  readonly service?: string
}

const programs = {
  chromium: { names: ['chromium', 'google-chrome', 'chromium-browser'], debianPackage: 'chromium' },
  curl: { names: ['curl'], debianPackage: 'curl' },
  nginx: { names: ['nginx'], debianPackage: 'nginx-light', service: 'nginx' },
} as const satisfies Record<string, Program>

/** For the hook that calls `bringProgram`: a browser and what it needs is a large package. */
export const bringTimeoutMs = 400_000

/**
 * The path of a program: from PATH, else on a Debian where we are root by its package, else null. To be called in a hook
 * of the tests that need it, so that nothing is installed where only others run; these are skipped where there is none.
 */
export async function bringProgram(name: keyof typeof programs): Promise<string | null> {
  const program: Program = programs[name]
  const found = await findOnPath(program.names)
  if (found !== null || !canInstall()) return found
  const { debianPackage, service } = program
  await installPackage(debianPackage, { forWhat: `${name} for the tests`, ...(service !== undefined && { service }) })
  return findOnPath(program.names)
}

async function findOnPath(names: readonly string[]): Promise<string | null> {
  // Servers are where the PATH of an ordinary user does not lead.
  const folders = [...(process.env.PATH ?? '').split(path.delimiter).filter(Boolean), '/usr/sbin']
  for (const name of names) {
    for (const folder of folders) {
      const file = path.join(folder, name)
      const isThere = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
      if (isThere) return file
    }
  }
  return null
}
