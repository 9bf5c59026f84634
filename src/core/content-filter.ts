import { isJsonObject, parseJsonObject } from './json-object.ts'

/**
 * Whether an answer is empty because the upstream's own rules let nothing of it pass: every choice ended with
 * `content_filter`, and none says anything.
 */
export function isFilteredAway(completionJson: string): boolean {
  // Most answers need not be parsed for this.
  if (!completionJson.includes('content_filter')) return false
  const choices = parseJsonObject(completionJson)?.choices
  if (!Array.isArray(choices) || choices.length === 0) return false
  return choices.every((choice) => {
    if (!isJsonObject(choice) || choice.finish_reason !== 'content_filter') return false
    const { content, refusal, tool_calls: calls } = isJsonObject(choice.message) ? choice.message : {}
    return !content && !refusal && !(Array.isArray(calls) && calls.length > 0)
  })
}
