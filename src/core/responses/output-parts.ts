import { isJsonObject } from '../json-object.ts'
import type { LogProb, UrlCitation } from './items.ts'

/** The chances of the tokens in a choice of a chat, in the words of the Responses API. */
export function readLogProbs(logprobs: unknown): LogProb[] {
  const tokens = isJsonObject(logprobs) ? logprobs.content : null
  return (Array.isArray(tokens) ? tokens : []).flatMap((entry) => {
    const read = readToken(entry)
    const others = isJsonObject(entry) && Array.isArray(entry.top_logprobs) ? entry.top_logprobs : []
    return read ? [{ ...read, top_logprobs: others.flatMap((other) => readToken(other) ?? []) }] : []
  })
}

function readToken(entry: unknown): { token: string; logprob: number; bytes: number[] } | null {
  if (!isJsonObject(entry)) return null
  const { token, logprob, bytes } = entry
  if (typeof token !== 'string' || typeof logprob !== 'number') return null
  return { token, logprob, bytes: Array.isArray(bytes) ? bytes : [...Buffer.from(token)] }
}

/** The links in a message of a chat. */
export function readCitations(annotations: unknown): UrlCitation[] {
  return (Array.isArray(annotations) ? annotations : []).flatMap((entry) => {
    const cited = isJsonObject(entry) && entry.type === 'url_citation' ? entry.url_citation : null
    if (!isJsonObject(cited) || typeof cited.url !== 'string') return []
    const { url, title, start_index, end_index } = cited
    return [
      {
        type: 'url_citation' as const,
        url,
        title: typeof title === 'string' ? title : '',
        start_index: typeof start_index === 'number' ? start_index : 0,
        end_index: typeof end_index === 'number' ? end_index : 0,
      },
    ]
  })
}
