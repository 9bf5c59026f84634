import type { Edit } from './layers.ts'

/**
 * Signs that are written by their numbers or names: `%40`, `\u0040`, `\x40`, `&#64;`, `&commat;`, and quotes and line
 * ends inside JSON. What was escaped more than once has further escapes in front: `%2540`, `&amp;#64;`, `\\u0040`.
 */
const escaped =
  /(?:%(?:25){0,2}[0-9A-Fa-f]{2}){1,64}|\\{1,4}(?:u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|x[0-9A-Fa-f]{2})|\\{1,3}["/nrt]|&(?:amp;){0,2}(?:#[0-9]{2,7}|#[xX][0-9A-Fa-f]{2,6}|[a-z]{2,8});/g

const named: Readonly<Record<string, string>> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ', commat: '@', period: '.', lowbar: '_', plus: '+' },
  ...{ hyphen: '-', dash: '-', num: '#', colon: ':', sol: '/', lpar: '(', rpar: ')', shy: '', zwj: '', zwnj: '' },
}

/** The escapes of a text, each with what it stands for. Those of control signs and of broken UTF-8 are left alone. */
export function findEscapes(text: string): Edit[] {
  if (!text.includes('%') && !text.includes('\\') && !text.includes('&')) return []
  const edits: Edit[] = []
  const isJson = text.includes('\\"')
  for (const { 0: found, index } of text.matchAll(escaped)) {
    const meaning = lineEnds.test(found)
      ? readLineEnd(found, isJson || !startsWord.test(text.charAt(index + found.length)))
      : found.startsWith('%')
        ? decodePercent(found)
        : decodeOne(found)
    if (meaning !== null) edits.push({ start: index, end: index + found.length, text: meaning })
  }
  return edits
}

const lineEnds = /^\\+[nrt]$/
const startsWord = /[a-z0-9_]/

/** `CORP\nancy` and `C:\temp` have no line ends: outside of JSON a small letter after one says that it is none. */
function readLineEnd(found: string, isLineEnd: boolean): string | null {
  if (!isLineEnd) return null
  return found.endsWith('t') ? '\t' : '\n'
}

function decodePercent(run: string): string | null {
  const bytes = run.match(/%(?:25){0,2}[0-9A-Fa-f]{2}/g) ?? []
  try {
    return printable(decodeURIComponent(bytes.map((byte) => `%${byte.slice(-2)}`).join('')))
  } catch {
    return null
  }
}

function decodeOne(found: string): string | null {
  if (/["/]$/.test(found)) return found.slice(-1)
  if (found.startsWith('\\')) return fromCode(Number.parseInt(found.replace(/^\\+[ux]\{?/, ''), 16))
  const name = found.replace(/^&(?:amp;)*/, '').slice(0, -1)
  if (!name.startsWith('#')) return named[name] ?? null
  return fromCode(/^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1)))
}

function fromCode(code: number): string | null {
  return code <= 0x10_ffff ? printable(String.fromCodePoint(code)) : null
}

/** Line ends and tabs say where a value ends; other control signs stay as they are written. */
function printable(text: string): string | null {
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index)
    if (unit === 0x7f || (unit < 0x20 && unit !== 9 && unit !== 10 && unit !== 13)) return null
  }
  return text
}
