import { stages, statusOf } from '../core/job-state.ts'
import { jobPrelude, oneOf } from './job-prelude.ts'

const queuedStages = stages.filter((stage) => statusOf(stage) === 'queued')

/** KEYS job; ARGV id entry */
const tellPlace = `${jobPrelude}
local stage = call('HGET', KEYS[1], 'stage')
if ${oneOf(queuedStages)} then emit(KEYS[1], ARGV[1], ARGV[2]) end
return 1
`

export const responseScripts = { tellPlace } as const
