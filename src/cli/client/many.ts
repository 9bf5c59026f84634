/** Listing and acting on many things of one kind, the same for every kind. */
import { ApiError } from './failures.ts'
import { printJson, printLine } from './run-command.ts'

/** The most that the API gives at once. */
const pageSize = 100

interface Page<Item> {
  readonly data: readonly Item[]
  readonly has_more: boolean
}

/** Prints up to `limit` items, page by page. Resolves with the exit code. */
export async function printList<Item extends { readonly id: string }>(
  options: { readonly after?: string; readonly limit: number; readonly json?: true },
  readPage: (query: { after?: string; limit: number }) => Promise<Page<Item>>,
  words: { readonly none: string; readonly format: (items: readonly Item[]) => string },
): Promise<number> {
  const { limit, json } = options
  const items: Item[] = []
  let after = options.after
  let hasMore = true
  while (hasMore && items.length < limit) {
    const wanted = Math.min(pageSize, limit - items.length)
    const page = await readPage({ ...(after !== undefined && { after }), limit: wanted })
    items.push(...page.data)
    hasMore = page.has_more && page.data.length > 0
    after = page.data.at(-1)?.id ?? after
  }
  if (json) printJson({ object: 'list', data: items, has_more: hasMore, last_id: items.at(-1)?.id ?? null })
  else if (items.length === 0) printLine(words.none)
  else printLine(words.format(items))
  if (!json && hasMore) printLine(`\nThere are more: --limit N, or --after ${items.at(-1)?.id}`)
  return 0
}

/**
 * Does something to each, one after the other, and prints what came of it. One that the API answers with `missing` is an
 * outcome too; any other failure ends it. Resolves with the outcomes.
 */
export async function actOnEach<Outcome extends { readonly id: string }>(
  ids: readonly string[],
  act: (id: string) => Promise<Outcome>,
  words: {
    readonly json?: true | undefined
    readonly missing: string
    readonly absent: (id: string, error: ApiError) => Outcome
    readonly describe: (outcome: Outcome) => string
  },
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (const id of ids) {
    try {
      outcomes.push(await act(id))
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== words.missing) throw error
      outcomes.push(words.absent(id, error))
    }
  }
  if (words.json) printJson({ object: 'list', data: outcomes })
  else for (const outcome of outcomes) printLine(`${outcome.id}  ${words.describe(outcome)}`)
  return outcomes
}

/** What came of asking that something ends. */
interface Cancelling {
  readonly id: string
  readonly status: string
  readonly message?: string
}

/** Cancels each. Resolves with the exit code: 1 where one can't be found or has ended. */
export async function cancelEach(
  ids: readonly string[],
  cancel: (id: string) => Promise<{ readonly status: string }>,
  words: {
    readonly json?: true | undefined
    readonly missing: string
    /** What is said of a status that is no refusal; null for one that says that it was too late. */
    readonly describe: (status: string) => string | null
  },
): Promise<number> {
  const outcomes = await actOnEach<Cancelling>(ids, async (id) => ({ id, status: (await cancel(id)).status }), {
    json: words.json,
    missing: words.missing,
    absent: (id, { code, message }) => ({ id, status: code, message }),
    describe: ({ status, message }) =>
      message ?? words.describe(status) ?? `not cancelled: it has ended already (${status})`,
  })
  return outcomes.every(({ status, message }) => message === undefined && words.describe(status) !== null) ? 0 : 1
}
