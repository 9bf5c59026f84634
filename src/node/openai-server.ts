import { z } from 'zod'
import type { NodeRuntime } from '../core/node.ts'
import type { GetJson, Reply } from './get-json.ts'
import type { FoundModel, ServerLook } from './server-look.ts'

const modelList = z.object({ data: z.array(z.object({ id: z.string() })) })
const props = z.object({ total_slots: z.int().min(1) })
const slots = z.array(z.object({ is_processing: z.boolean() })).min(1)
const version = z.object({ version: z.string().max(100) })
const lmStudioModels = z.object({
  models: z.array(
    z.object({
      key: z.string(),
      size_bytes: z.number().nullish(),
      loaded_instances: z.array(
        z.object({ id: z.string(), config: z.object({ parallel: z.int().min(1).optional() }).optional() }),
      ),
    }),
  ),
})

type Look = (url: string, get: GetJson) => Promise<ServerLook>

/**
 * llama-server: one model, always loaded, in a fixed number of slots. While it loads, `/health` says 503; that it says
 * 200 proves nothing.
 */
export const lookAtLlamaCpp: Look = async (url, get) => {
  const health = await get('/health')
  if (health.kind === 'away') return health
  if (health.status === 503) return { ...found({ kind: 'llama.cpp', url }), isLoading: true }
  const own = props.safeParse(jsonOf(await get('/props')))
  const all = slots.safeParse(jsonOf(await get('/slots')))
  const parallel = all.success ? all.data.length : own.success ? own.data.total_slots : null
  const busy = all.success ? all.data.filter((slot) => slot.is_processing).length : null
  return { ...found({ kind: 'llama.cpp', url, parallel, models: await listModels(get, true) }), busy }
}

/** mlx_lm.server lists what is in its cache folder; what it has loaded it does not tell. */
export const lookAtMlx: Look = async (url, get) => {
  const list = await get('/v1/models')
  if (list.kind === 'away') return list
  return found({ kind: 'mlx', url, models: readModels(list, false) })
}

/** vLLM has loaded what it lists, adapters included. */
export const lookAtVllm: Look = async (url, get) => {
  const list = await get('/v1/models')
  if (list.kind === 'away') return list
  const told = version.safeParse(jsonOf(await get('/version')))
  return found({ kind: 'vllm', url, version: told.success ? told.data.version : null, models: readModels(list, true) })
}

/** LM Studio from 0.4 on; an older one is known by its OpenAI-compatible list alone. */
export const lookAtLmStudio: Look = async (url, get) => {
  const list = await get('/api/v1/models')
  if (list.kind === 'away') return list
  const own = lmStudioModels.safeParse(jsonOf(list))
  if (!own.success) return found({ kind: 'lm-studio', url, models: await listModels(get, false) })
  const models = own.data.models.map(
    ({ key, size_bytes, loaded_instances }): FoundModel => ({
      name: key,
      isLoaded: loaded_instances.length > 0,
      sizeBytes: size_bytes ?? null,
      isRemote: false,
    }),
  )
  const parallel = own.data.models.flatMap((model) =>
    model.loaded_instances.flatMap(({ config }) => config?.parallel ?? []),
  )
  return found({ kind: 'lm-studio', url, models, parallel: parallel.length > 0 ? Math.min(...parallel) : null })
}

function found({ kind, url, ...rest }: Pick<NodeRuntime, 'kind' | 'url'> & Partial<NodeRuntime>) {
  const runtime = { kind, url, version: null, models: [], parallel: null, cloud: 'off', ...rest } as const
  return { kind: 'found', runtime, isLoading: false, busy: null } as const
}

async function listModels(get: GetJson, isLoaded: boolean): Promise<FoundModel[]> {
  return readModels(await get('/v1/models'), isLoaded)
}

function readModels(reply: Reply, isLoaded: boolean): FoundModel[] {
  const list = modelList.safeParse(jsonOf(reply))
  if (!list.success) return []
  return list.data.data.map(({ id }) => ({ name: id, isLoaded, sizeBytes: null, isRemote: false }))
}

function jsonOf(reply: Reply): unknown {
  return reply.kind === 'answer' && reply.status === 200 ? reply.json : null
}
