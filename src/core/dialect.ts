import type { OutputLimitField } from './output-limit.ts'

/**
 * How an upstream that speaks OpenAI's dialect differs from OpenAI. What it cannot do at all is no quirk but a missing
 * capability; a quirk is another way to say the same.
 */
export interface DialectQuirks {
  /** The only name that it knows for the limit on output tokens; unset where it takes both. */
  readonly outputLimit?: OutputLimitField
  /** Sent where a request names no limit: its own default would cut answers off. */
  readonly usualOutputTokens?: number
  /** `unasked`: it tells the usage of a stream by itself and may refuse `stream_options`. */
  readonly streamUsage?: 'unasked'
  /** It does not know the role `developer`, which is OpenAI's newer name of `system`. */
  readonly hasNoDeveloper?: true
  /** Its name for `seed`. */
  readonly seed?: 'random_seed'
  /** It takes a field that is null for a wrong value; in OpenAI's dialect such a field was not given. */
  readonly refusesNull?: true
  /**
   * `known`: it refuses fields in messages that only other upstreams know, such as signatures of thoughts and marks for
   * caches. `strict`: OpenAI's own as well, where its models have none, even if they are empty.
   */
  readonly messages?: 'known' | 'strict'
  /** Its name in messages for what a model thought before; `none` where it takes none. Unset: `reasoning_content`. */
  readonly thoughts?: 'reasoning' | 'none'
  /** The values of `service_tier` that it takes, others are left out; unset where it takes what comes. */
  readonly serviceTiers?: readonly string[]
  /**
   * Of the fields that say nothing about the answer, such as `store` and `user`, those that it takes: it refuses a request
   * for any other. Unset where it takes or ignores them all.
   */
  readonly hints?: readonly string[]
  /** It has no `/embeddings`. */
  readonly hasNoEmbeddings?: true
  /** It answers 404 where generating failed, whatever the reason. */
  readonly notFoundMeansFailed?: true
}
