/** Whether the words that lead up to `index` say what stands there. `word` should end in `$`. */
export function isIntroduced(text: string, index: number, word: RegExp): boolean {
  return word.test(text.slice(Math.max(0, index - maxIntroduction), index))
}

const maxIntroduction = 40
