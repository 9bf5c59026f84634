/**
 * Which language a stretch of text is in, by its little words. It matters because languages differ in what they write with
 * a capital: German all nouns, English its nationalities.
 */

/** 0 is for texts that have too few little words to tell. */
const little: readonly string[] = [
  'the and of to is was are were you your this that with have has not but they what will would been from his her which',
  `der die das und ist nicht mit ein eine einen einem einer auf für von dem den des sich auch wurde werden sind war im zum zur
  bei nach wie aber oder wird haben hat ich sie wir`,
  'el los las del una por con para que está fue son más pero como su sus al se este esta muy ha han y lo le sin sobre',
  'o os um uma do da dos das em no na nos nas com por não que foi são mais mas como ao seu sua é está pelo pela',
  'le les des une est et du dans pour que qui pas sur avec par au aux il elle nous vous été sont mais ou ce cette sa',
  'il lo gli della del di che è per con non una dal nel alla sono anche più ma come si al ha hanno questo questa i',
  'het een van en de is niet met voor dat op zijn aan door ook maar bij naar uit wordt worden heeft was werd als te',
  'och att det en ett är som på av för med den inte till har om var de han hon kan vi ska från men eller sig vid',
]

const languagesOf = new Map<string, number[]>()
for (const [index, list] of little.entries()) {
  for (const word of list.split(/\s+/)) languagesOf.set(word, [...(languagesOf.get(word) ?? []), index + 1])
}

export const english = 1
export const german = 2
export const languageCount = little.length + 1

/** The languages that a word in small letters is a little word of. */
export function littleWordOf(word: string): readonly number[] {
  return languagesOf.get(word) ?? none
}

const none: readonly number[] = []

/** The language that most little words are of; counts are per language. */
export function mostLikely(counts: ArrayLike<number>): number {
  let best = 0
  let most = 2
  for (let language = 1; language < languageCount; language += 1) {
    const count = counts[language] ?? 0
    if (count > most) {
      most = count
      best = language
    }
  }
  return best
}
