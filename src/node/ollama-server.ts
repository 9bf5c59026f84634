import { z } from 'zod'
import { isCloudTag } from '../core/ollama-cloud.ts'
import type { GetJson } from './get-json.ts'
import type { FoundModel, ServerLook } from './server-look.ts'

const versionSchema = z.object({ version: z.string().max(100) })
const tagsSchema = z.object({
  models: z.array(
    z.object({
      name: z.string(),
      size: z.number().optional(),
      remote_host: z.string().optional(),
      remote_model: z.string().optional(),
    }),
  ),
})
const psSchema = z.object({ models: z.array(z.object({ name: z.string(), size: z.number().optional() })) })
/** Only releases that have a cloud have this path, and only some of those: no answer means that it is not known. */
const statusSchema = z.object({ cloud: z.object({ disabled: z.boolean() }) })

/**
 * Asks an Ollama what it has, what it has loaded, and whether it may hand prompts to its maker's cloud. Four questions,
 * one after the other, none of which makes it load or generate anything. `parallel` is what its operator says of it:
 * the server itself does not tell.
 */
export async function lookAtOllama(url: string, get: GetJson, parallel: number | null): Promise<ServerLook> {
  const version = await get('/api/version')
  if (version.kind === 'away') return version
  const tags = await get('/api/tags')
  if (tags.kind === 'away') return tags
  const known = versionSchema.safeParse(version.json)
  const listed = tagsSchema.safeParse(tags.json)
  if (!known.success || !listed.success) return { kind: 'other' }
  const loaded = psSchema.safeParse(await jsonOf(get, '/api/ps'))
  const status = statusSchema.safeParse(await jsonOf(get, '/api/status'))
  const names = new Set(loaded.success ? loaded.data.models.map(({ name }) => name) : [])
  const models = listed.data.models.map(
    ({ name, size, remote_host, remote_model }): FoundModel => ({
      name,
      isLoaded: names.has(name),
      sizeBytes: size ?? null,
      isRemote: Boolean(remote_host) || Boolean(remote_model) || isCloudTag(name),
    }),
  )
  const cloud = !status.success ? 'unknown' : status.data.cloud.disabled ? 'off' : 'on'
  const runtime = { kind: 'ollama', url, version: known.data.version, models, parallel, cloud } as const
  return { kind: 'found', runtime, isLoading: false, busy: null }
}

async function jsonOf(get: GetJson, path: string): Promise<unknown> {
  const reply = await get(path)
  return reply.kind === 'answer' && reply.status === 200 ? reply.json : null
}
