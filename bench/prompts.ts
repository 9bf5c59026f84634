/** The prompts that every system gets: about 1 KB of log lines, without personal data and with some. */

/** The address in the second prompt; an upstream that sees it got the prompt unmasked. */
export const emailMarker = 'maria.lindqvist@northwind.example.com'
const phone = '+46 8 123 456 78'

const logLines = [
  '2026-03-02T10:14:07.112Z INFO  scheduler  picked up 42 tasks in 18 ms, backlog 310, oldest 4.2 s',
  '2026-03-02T10:14:07.482Z WARN  worker-3   statement timeout after 5000 ms on table orders_2026, attempt 1 of 3',
  '2026-03-02T10:14:07.483Z INFO  worker-3   returning connection 17 to pool primary (in use 24, idle 0, waiting 9)',
  '2026-03-02T10:14:08.020Z ERROR worker-5   could not obtain a connection from pool primary within 500 ms',
  '2026-03-02T10:14:08.021Z WARN  worker-5   attempt 2 of 3 in 250 ms',
  '2026-03-02T10:14:08.377Z INFO  cache      hit rate 0.84, evicted 1204 entries, resident 512 MB',
  '2026-03-02T10:14:09.002Z INFO  worker-5   attempt 2 succeeded in 61 ms',
  '2026-03-02T10:14:09.640Z INFO  scheduler  drained backlog to 12 tasks, oldest 0.3 s',
]
const personalLine = `2026-03-02T10:14:09.700Z INFO  notifier   told on-call ${emailMarker}, phone ${phone}, about it`

/** How many distinct bodies a run cycles through: more than any system here remembers, so that each is looked at anew. */
export const promptVariants = 4_096

export interface ChatBodyOptions {
  readonly stream: boolean
  readonly personal: boolean
}

/** Chat-completion bodies as JSON text, each different in one number. */
export function chatBodies(options: ChatBodyOptions): readonly string[] {
  return Array.from({ length: promptVariants }, (_, index) => JSON.stringify(chatBody(index, options)))
}

export function chatBody(index: number, { stream, personal }: ChatBodyOptions): object {
  const lines = personal ? [...logLines.slice(0, -1), personalLine] : logLines
  return {
    model: 'bench',
    messages: [
      { role: 'system', content: 'You summarise log excerpts for operators in one sentence.' },
      { role: 'user', content: `Excerpt ${index} of the worker log:\n${lines.join('\n')}` },
    ],
    max_tokens: 64,
    ...(stream ? { stream: true } : {}),
  }
}
