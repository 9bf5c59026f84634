/** The words of the contract that come in closed lists, each list in its order of rank. */

/** Who goes first: every fetch looks at `interactive` before `standard` before `batch`. */
export const priorities = ['interactive', 'standard', 'batch'] as const
export type Priority = (typeof priorities)[number]

/** From the most open to the most closed; a job's class may only move to the right. */
export const sensitivities = ['public', 'internal', 'restricted'] as const
export type Sensitivity = (typeof sensitivities)[number]

/** Where a pool's dispatchers run. `restricted` jobs never enter a lane of a `cloud` pool. */
export const residencies = ['cloud', 'onprem'] as const
export type Residency = (typeof residencies)[number]

/** The calls of OpenAI's API that a job may stand for. */
export const endpoints = ['/v1/chat/completions', '/v1/embeddings'] as const
export type Endpoint = (typeof endpoints)[number]
