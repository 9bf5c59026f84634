/** Beyond this a line is shown as it is: looking through it anew with each piece would take ever longer. */
const longestMarkedLine = 4_000
const marked = /(\*\*[^*]+\*\*|`[^`]+`)/

/**
 * Shows an answer while it grows. It is only ever text: no markup that a model writes becomes markup of the page. Bold,
 * code, headings and lists of Markdown are seen by their looks, and their signs stay in the text, so that what is copied is
 * what the model wrote.
 */
export class AnswerText {
  #element
  #line = null
  #text = ''
  #isInCode = false

  /** @param {Element} element */
  constructor(element) {
    this.#element = element
  }

  get text() {
    return this.#element.textContent
  }

  /** @param {string} text */
  append(text) {
    for (const piece of text.split(/(?<=\n)/)) {
      this.#line ??= this.#beginLine()
      this.#text += piece
      this.#showLine(piece)
      if (piece.endsWith('\n')) this.#endLine()
    }
  }

  clear() {
    this.#element.replaceChildren()
    this.#line = null
    this.#isInCode = false
  }

  #beginLine() {
    const line = document.createElement('span')
    this.#text = ''
    this.#element.append(line)
    return line
  }

  #showLine(piece) {
    if (this.#text.length > longestMarkedLine) {
      this.#line.append(piece)
      return
    }
    const kind = this.#kindOfLine()
    this.#line.className = `line ${kind}`
    this.#line.replaceChildren(...(kind === 'code' ? [this.#text] : this.#text.split(marked).map(showPart)))
  }

  #endLine() {
    if (isFence(this.#text)) this.#isInCode = !this.#isInCode
    this.#line = null
  }

  #kindOfLine() {
    if (this.#isInCode || isFence(this.#text)) return 'code'
    if (/^#{1,6} /.test(this.#text)) return 'heading'
    return /^\s*(?:[-*+]|\d{1,3}\.) /.test(this.#text) ? 'item' : ''
  }
}

const isFence = (line) => line.startsWith('```')

function showPart(part) {
  const sign = part.startsWith('**') ? '**' : '`'
  if (!marked.test(part)) return part
  const element = document.createElement(sign === '**' ? 'strong' : 'code')
  element.append(showSign(sign), part.slice(sign.length, -sign.length), showSign(sign))
  return element
}

function showSign(sign) {
  const element = document.createElement('span')
  element.className = 'sign'
  element.textContent = sign
  return element
}
