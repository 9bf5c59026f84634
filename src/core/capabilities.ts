/**
 * What a request may need and an upstream may lack. A deployment without one of them is left out of the choice, so that
 * nothing of a request is dropped in silence.
 */
export const capabilities = [
  'chat',
  'embeddings',
  'streaming',
  'tools',
  /** `tool_choice` other than `auto` and `none`. */
  'tool_choice',
  /** `response_format: {"type": "json_object"}` */
  'json_object',
  /** `response_format: {"type": "json_schema"}` */
  'json_schema',
  'images',
  'audio',
  'files',
  'logprobs',
  /** More than one answer: `n` above 1. */
  'n',
  'seed',
  'reasoning',
  /** `web_search_options`: it looks things up while it answers. */
  'web_search',
] as const
export type Capability = (typeof capabilities)[number]
