import { request } from 'undici'

/** What became of one question to a server of models. `away`: nobody answered, `code` says how. */
export type Reply =
  | { readonly kind: 'answer'; readonly status: number; readonly json: unknown }
  | { readonly kind: 'away'; readonly code: string }

/** Asks for a path below the server's root. Never rejects. */
export type GetJson = (path: string) => Promise<Reply>

/** A server that is busy generating still answers questions about itself at once. */
const timeoutMs = 2_000
const maxBytes = 4 * 1024 * 1024

export function createGetJson(root: string, headers: Readonly<Record<string, string>>): GetJson {
  return async (path) => {
    try {
      const signal = AbortSignal.timeout(timeoutMs)
      const { statusCode, body } = await request(`${root}${path}`, { headers, signal })
      const pieces: Buffer[] = []
      let bytes = 0
      for await (const piece of body as AsyncIterable<Buffer>) {
        bytes += piece.length
        if (bytes > maxBytes) return { kind: 'away', code: 'answer too large' }
        pieces.push(piece)
      }
      return { kind: 'answer', status: statusCode, json: parse(Buffer.concat(pieces).toString()) }
    } catch (error) {
      return { kind: 'away', code: codeOf(error) }
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no answer'
  if (error.name === 'TimeoutError') return 'no answer in time'
  return 'code' in error ? String(error.code) : 'no answer'
}
