import { type AssignedValue, type ReadingLimit, readAssigned, readValue } from './assigned-value.ts'
import { isPlaceholder } from './randomness.ts'

/** What may still belong to the name: `password1`, `password_hash`, `passwordConfirmation`, `PASSWORD_PROD`. */
const restOfName =
  /(?:s|wd)?(?:[_-]?(?:hash|digest|confirm(?:ation)?|again|repeat|new|old|current|value|text|plain|prod|dev|test|staging|live|admin|db|root|user|\d{1,3})){0,2}/iy
/** Between the word and the value in sentences. */
const saying =
  /(?: (?:for|to|von|für|de|of|del|der|pour) [\w.@/-]{1,40}){0,1} ?(?:is|was|will be|has been (?:set|changed|reset) to|set to|changed to|reset to|to|ist|war|lautet|wurde auf|es|era|est|était|é|è|era|is now|jest|är|er|on|:|=|：|-){1,1}(?: now| set to| jetzt| ahora)?[:：]? {1,2}/iy
const wide = /[ \t]{0,4}[：＝][ \t]{0,4}/y

/**
 * Reads the password that follows a name of one. `isSure` is for names that mean nothing else: after them a single plain
 * word will do.
 */
export function readPassword(
  text: string,
  from: number,
  { isSure, limit }: { isSure: boolean; limit: ReadingLimit },
): { start: number; end: number } | null {
  restOfName.lastIndex = from
  restOfName.test(text)
  const end = restOfName.lastIndex
  const value = readAssigned(text, end) ?? readWide(text, end)
  if (value) {
    limit.note(value.end)
    return isPassword(value, text, isSure) ? value : null
  }
  const said = isSure ? readSaid(text, end) : null
  if (said) limit.note(said.end)
  return said && isSaid(said) ? said : null
}

function readWide(text: string, from: number): AssignedValue | null {
  wide.lastIndex = from
  return wide.test(text) ? readValue(text, wide.lastIndex, { operator: ':', isSpaced: false }) : null
}

function readSaid(text: string, from: number): AssignedValue | null {
  saying.lastIndex = from
  return saying.test(text) ? readValue(text, saying.lastIndex) : null
}

function isSaid({ value, isQuoted }: AssignedValue): boolean {
  if (value.length < 4 || value.length > longest || isPlaceholder(value) || isStopWord(value)) return false
  return isQuoted || isMixed(value)
}

/** Longer ones are texts. */
const longest = 128

function isPassword(
  { value, isQuoted, operator, isSpaced, end }: AssignedValue,
  text: string,
  isSure: boolean,
): boolean {
  if (value.length < 3 || value.length > longest || isPlaceholder(value) || isStopWord(value)) return false
  if (/^[/~]|^[a-z]:\\/i.test(value)) return false
  if (isQuoted) return isSure || value.length >= 4
  if (isCode(value) || text[end] === '(') return false
  if (!isSure) return value.length >= 4 && (isMixed(value) || (/^\d{4,8}$/.test(value) && operator !== ''))
  if (isMixed(value) || /^\d{4,}$/.test(value)) return true
  // A plain word: a password in `password=hunter`, an expression in `password = input`.
  if (operator === ':' && isSpaced) return false
  return value.length >= 5 && (operator === ':' ? /^[ \t]*(?:$|[\r\n])/.test(text.slice(end, end + 4)) : !isSpaced)
}

/** Something of two kinds: letters, digits, signs, capitals after the first letter. */
function isMixed(value: string): boolean {
  if (/^[A-Za-z]+[-/][A-Za-z]+$/.test(value)) return false
  const inside = value.replace(/^[A-ZÀ-Þ]/, '')
  const kinds = [/[a-zß-ÿ]/, /[A-ZÀ-Þ]/, /\d/, /[^\wß-ÿÀ-Þ.'’(),:;-]/].filter((kind) => kind.test(inside)).length
  return kinds >= 2 || (/\d/.test(inside) && /^[A-Z]/.test(value))
}

/** `request.password`, `getpass(`, `DB_PASSWORD`, `row[`. */
function isCode(value: string): boolean {
  if (/^\w{1,60}[([]|\($|^[A-Z]{1,40}_[A-Z_]{1,40}$/.test(value)) return true
  const parts = value.split(/\??\./)
  return parts.length > 1 && parts.every((part) => /^[A-Za-z_$]{2,60}$/.test(part))
}

/** What follows the word in sentences, forms and code. */
const stopWords = new Set(
  [
    'true false null none nil undefined unset empty required optional string str text char varchar bool boolean',
    'int integer object hidden input field password passwords passwort passwd pwd secret yes no on off ok n/a',
    'enabled disabled valid invalid incorrect wrong expired missing not the a an for must should cannot can has',
    'have was is will be been being and or to from in of with by reset change changed changes changing update',
    'updated updates failed failure success successful authentication auth login logon user username protected',
    'policy prompt stdin file only too same less more at least also very now already never always enter type use',
    'using encrypted hashed plain plaintext default unknown blank set error denied accepted confirm confirmation',
    'forgot forgotten length min max label placeholder public private readonly return returns const let var',
    'static final new await async function def class self this',
  ].flatMap((line) => line.split(' ')),
)

function isStopWord(value: string): boolean {
  return stopWords.has(value.toLowerCase().replace(/[.!?]$/, ''))
}
