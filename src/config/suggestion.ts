/** How many letters must be changed, added or removed to get from one word to the other. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [row, letter] of [...from].entries()) {
    const current = [row + 1]
    for (const [column, other] of [...to].entries()) {
      const replaced = (previous[column] ?? 0) + (letter === other ? 0 : 1)
      current.push(Math.min(replaced, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1))
    }
    previous = current
  }
  return previous.at(-1) ?? 0
}

/** The candidate that the word was probably meant to be, or undefined when none is near. */
function suggest(word: string, candidates: readonly string[]): string | undefined {
  // A third of the letters may be wrong; more would suggest words that have nothing to do with each other.
  const limit = Math.max(1, Math.floor(Math.min(word.length, 40) / 3))
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(word.slice(0, 80), candidate) }))
    .filter(({ distance }) => distance <= limit && distance < word.length)
    .sort((left, right) => left.distance - right.distance)
  return ranked[0]?.candidate
}

const namesShown = 20

/** `allowed: a, b; did you mean "b"?` for a message about a word that is none of the candidates. */
export function describeAllowed(word: string, candidates: readonly string[]): string {
  const more = candidates.length > namesShown ? `, and ${candidates.length - namesShown} more` : ''
  const allowed = `allowed: ${candidates.slice(0, namesShown).join(', ') || 'nothing'}${more}`
  const suggestion = suggest(word, candidates)
  return suggestion === undefined ? allowed : `${allowed}; did you mean "${suggestion}"?`
}
