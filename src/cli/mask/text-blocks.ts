/** So much text is looked through at once; a value longer than that is cut. */
const blockUnits = 1_048_576
/** A key in PEM form is masked as a whole, so a cut must not fall into it. None is longer than this. */
const longestKey = 32_768
const keyStart = '-----BEGIN '
const keyEnd = '-----END '

/** Joins pieces of a stream and cuts them again where no value is torn: at line ends, outside of keys. */
export async function* cutIntoBlocks(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let held = ''
  for await (const piece of pieces) {
    held += piece
    while (held.length >= 2 * blockUnits) {
      const end = cutPlace(held.slice(0, blockUnits))
      yield held.slice(0, end)
      held = held.slice(end)
    }
  }
  if (held !== '') yield held
}

function cutPlace(block: string): number {
  const lineEnd = block.lastIndexOf('\n') + 1
  // A text without line ends is cut between words.
  const place = lineEnd > 0 ? lineEnd : block.lastIndexOf(' ') + 1 || withoutHalf(block)
  const open = block.lastIndexOf(keyStart, place)
  const isOpen = open > 0 && place - open < longestKey && block.lastIndexOf(keyEnd, place) < open
  return isOpen ? open : place
}

/** A sign of two units stays whole. */
function withoutHalf(block: string): number {
  const last = block.charCodeAt(block.length - 1)
  return last >= 0xd800 && last <= 0xdbff ? block.length - 1 : block.length
}

/** Whole lines, without their ends. */
export async function* cutIntoLines(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let held: string[] = []
  for await (const piece of pieces) {
    const lines = piece.split('\n')
    const last = lines.pop() ?? ''
    for (const line of lines) {
      yield held.join('') + line
      held = []
    }
    held.push(last)
  }
  const rest = held.join('')
  if (rest !== '') yield rest
}
