/** The records of an event stream as they are on the wire, comments included, each with the empty line that ends it. */
export async function* readRecords(response: Response): AsyncGenerator<string, void, undefined> {
  if (!response.body) throw new Error('The answer has no body')
  const decoder = new TextDecoder()
  let rest = ''
  // Leaving the loop cancels the body, which closes the connection.
  for await (const bytes of response.body) {
    rest += decoder.decode(bytes, { stream: true })
    for (let end = rest.indexOf('\n\n'); end !== -1; end = rest.indexOf('\n\n')) {
      yield rest.slice(0, end + 2)
      rest = rest.slice(end + 2)
    }
  }
  if (rest !== '') throw new Error('The stream ended inside a record')
}

export function isComment(record: string): boolean {
  return record.startsWith(':')
}

/** The sequence number of a record of a job's event stream. */
export function idOf(record: string): number {
  const id = /^id: (\d+)$/m.exec(record)?.[1]
  if (id === undefined) throw new Error(`A record without an id: ${record}`)
  return Number(id)
}

export function typeOf(record: string): string {
  return /^event: ([^\n]*)$/m.exec(record)?.[1] ?? 'message'
}

export function dataOf(record: string): string {
  return /^data: ([^\n]*)\n/m.exec(record)?.[1] ?? ''
}

/** The content of the first choice that these records carry. */
export function contentOf(records: readonly string[]): string {
  const chunks = records.map(dataOf).filter((data) => data.includes('"chat.completion.chunk"'))
  return chunks.map((data) => JSON.parse(data).choices[0]?.delta?.content ?? '').join('')
}
