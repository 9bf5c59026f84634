import type { JobId } from '../job.ts'
import type { InputItem } from './items.ts'
import { inputItemIdOf } from './response-id.ts'

/** Input items as they are listed: all with ids, and with content in parts. */
export function listInputItems(job: JobId, items: readonly InputItem[]): { readonly id: string }[] {
  return items.map((item, index) => {
    const id = item.id ?? inputItemIdOf(job, index)
    if (item.type === 'reasoning') return { ...item, id }
    if (item.type === 'function_call' || item.type === 'function_call_output') {
      return { ...item, id, status: 'completed' }
    }
    return { ...item, type: 'message', id, status: 'completed', content: toParts(item) }
  })
}

function toParts({ role, content }: Extract<InputItem, { role: string }>): readonly object[] {
  if (typeof content !== 'string') return content
  if (role === 'assistant') return [{ type: 'output_text', text: content, annotations: [], logprobs: [] }]
  return [{ type: 'input_text', text: content }]
}
