import assert from 'node:assert/strict'
import { endOfString, walkJson } from '../core/pii/json-walk.ts'

/** The value of a field as it stands in the text of a JSON object that has it. Of several the last, as JSON is parsed. */
export function sliceField(json: string, field: string): string {
  const member = walkJson(json, 'keep', null).findLast(({ name }) => name === field)
  assert.ok(member)
  const { start, end } = member
  const valueAt = json.indexOf(':', endOfString(json, start) ?? end) + 1
  return json.slice(valueAt, end).trim()
}
