import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

const fileSchema = z.object({
  SLUICE_API_KEY: z.string().optional(),
  SLUICE_ADMIN_KEY: z.string().optional(),
  SLUICE_VAULT_KEY: z.string().optional(),
  SLUICE_WEBHOOK_SECRET: z.string().optional(),
})
type KeyName = keyof z.infer<typeof fileSchema>

const generators: Readonly<Record<KeyName, () => string>> = {
  SLUICE_API_KEY: () => `sk-sluice-${randomBytes(24).toString('base64url')}`,
  SLUICE_ADMIN_KEY: () => `sk-admin-${randomBytes(24).toString('base64url')}`,
  SLUICE_VAULT_KEY: () => randomBytes(32).toString('base64'),
  SLUICE_WEBHOOK_SECRET: () => `whsec_${randomBytes(32).toString('base64')}`,
}

export interface LocalKeys {
  readonly values: Readonly<Record<KeyName, string>>
  /** Those that were made just now, to be shown once. */
  readonly created: readonly KeyName[]
  readonly file: string
}

/**
 * The keys that `sluice up` needs: from the environment, else from `keys.json` in the data folder, else made and kept
 * there, readable by this user only.
 */
export async function readLocalKeys(
  dataDir: string,
  names: readonly KeyName[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<LocalKeys> {
  const file = join(dataDir, 'keys.json')
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}'
    throw error
  })
  const kept = fileSchema.parse(JSON.parse(text))
  const created = names.filter((name) => !env[name] && !kept[name])
  const stored = { ...kept, ...Object.fromEntries(created.map((name) => [name, generators[name]()])) }
  if (created.length > 0) {
    await writeFile(file, `${JSON.stringify(stored, null, 2)}\n`, { mode: 0o600 })
    await chmod(file, 0o600)
  }
  const values = Object.fromEntries(names.map((name) => [name, env[name] || stored[name]])) as Record<KeyName, string>
  return { values, created, file }
}
