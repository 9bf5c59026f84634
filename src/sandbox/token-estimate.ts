/**
 * The sandbox has no tokenizer because it has no model. Its token counts are an estimate that anyone can repeat: the
 * UTF-8 bytes of the text, four to a token, rounded up.
 */
export const bytesPerToken = 4

export interface EstimatedUsage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
}

export function estimateUsage(promptBytes: number, answer: string): EstimatedUsage {
  const prompt = Math.ceil(promptBytes / bytesPerToken)
  const completion = Math.ceil(Buffer.byteLength(answer) / bytesPerToken)
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion }
}
