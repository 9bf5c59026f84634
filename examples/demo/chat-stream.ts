import { createParser } from 'eventsource-parser'
import { z } from 'zod'

const chunk = z.looseObject({
  choices: z.array(z.looseObject({ delta: z.looseObject({ content: z.string().nullish() }).optional() })),
})

export interface StreamedChat {
  /** Records with text; one that had everything would be no stream. */
  readonly pieces: number
  readonly firstPieceMs: number
  readonly totalMs: number
  readonly isWhole: boolean
}

/** One streaming chat in OpenAI's dialect, read as any client would. `onText` gets the pieces as they come. */
export async function streamChat(
  server: { url: string; apiKey: string },
  message: string,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<StreamedChat> {
  const startedAtMs = performance.now()
  let firstPieceMs = 0
  let pieces = 0
  let isWhole = false
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data === '[DONE]') {
        isWhole = true
        return
      }
      const text = chunk.parse(JSON.parse(data)).choices[0]?.delta?.content
      if (!text) return
      if (pieces === 0) firstPieceMs = performance.now() - startedAtMs
      pieces += 1
      onText(text)
    },
  })
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sandbox', stream: true, messages: [{ role: 'user', content: message }] }),
    signal,
  })
  if (!response.ok || !response.body) throw new Error(`The chat was refused: HTTP ${response.status}`)
  const decoder = new TextDecoder()
  for await (const bytes of response.body) parser.feed(decoder.decode(bytes, { stream: true }))
  return { pieces, firstPieceMs, totalMs: performance.now() - startedAtMs, isWhole }
}
