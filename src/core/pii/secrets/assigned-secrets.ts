import type { Finding } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { wordSet } from '../word-set.ts'
import { type AssignedValue, ReadingLimit, readAssigned, readValue } from './assigned-value.ts'
import { isPlaceholder, looksGenerated } from './randomness.ts'

/** What a text calls a key. */
const sure = wordSet(
  [
    ...['api_key', 'apikey', 'api-key', 'api key', 'access_key', 'accesskey', 'access-key', 'access key', 'secret'],
    ...['token', 'private_key', 'privatekey', 'private-key', 'auth_key', 'authkey', 'auth-key', 'encryption_key'],
    ...['encryptionkey', 'encryption-key', 'encryption key', 'signing_key', 'signingkey', 'signing-key', 'master_key'],
    ...['masterkey', 'account_key', 'client_key', 'consumer_key', 'consumerkey', 'app_key', 'appkey', 'license_key'],
    ...['licensekey', 'license key', 'service_key', 'shared_key', 'sharedkey', 'session_key', 'subscription-key'],
    ...['subscription_key', 'functions-key', 'credential', 'creds', 'jwt', 'session_id', 'sessionid', 'session-id'],
    ...[
      'phpsessid',
      'connect.sid',
      'schlüssel',
      'geheimnis',
      'clave secreta',
      'clave de api',
      'clé secrète',
      'clé api',
    ],
  ],
  { whole: false },
)
const weak = wordSet(['key', 'auth', 'private', 'x-api'], { whole: false })

const restOfName = /[\w-]{0,24}/y
const introduction =
  /[\w-]{0,12}(?: (?:is|was|ist|lautet|es|est|is:|:=|used|value)){1,2}[: ]{1,2}|[\w-]{0,12} (?=[\w+/.~-]{16})/y
/** Names of what belongs to a key and is none. */
const otherEnd =
  /(?:name|length|size|type|path|file|ur[il]|count|limit|index|class|version|expir|created|updated|store|space|board|stroke|hash|alg|algorithm|status|usage|policy|ring|vault|provider|manager|format|pattern|prefix|rotation|_at)/i
const otherStart =
  /(?:public|pub|csrf|xsrf|primary|foreign|partition|sort|cache|idempotency|row|routing|translation|page|next|continuation|cursor|sync|etag|host|hot|short|mon|tur|don|whis|jockey|ho|event|author|oauth_consumer|authenticity|verification)[_. -]?$/i
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const allowed = /^[\w~+/.=!@$%^*:|#?&,-]{8,512}$/

/** Values that look drawn by chance and are assigned to what a text calls a key, a token or a secret. */
export function findAssignedSecrets(scan: Scan): Finding[] {
  return [...findAfter(scan, 'sure'), ...findAfter(scan, 'weak')]
}

function findAfter(scan: Scan, strength: 'sure' | 'weak'): Finding[] {
  const { text } = scan
  const { starts, ends } = scan.hits(strength === 'sure' ? sure : weak)
  const findings: Finding[] = []
  const limit = new ReadingLimit()
  let done = 0
  for (const [index, start] of starts.entries()) {
    const end = ends[index] ?? start
    if (start < done || !limit.allows(start)) continue
    const assigned = readAfter(text, { start, end }, strength)
    if (assigned) limit.note(assigned.end)
    if (!assigned) continue
    if (!isSecret(assigned, strength)) {
      done = assigned.end - overlapOfReadings
      continue
    }
    findings.push({
      start: assigned.start,
      end: assigned.end,
      entity: 'SECRET',
      score: strength === 'sure' ? 0.96 : 0.9,
    })
    done = assigned.end
  }
  return findings
}

/** Names inside of a long value are read on their own near its end only: `key=key=key=…` would be read again and again. */
const overlapOfReadings = 128

function readAfter(
  text: string,
  word: { start: number; end: number },
  strength: 'sure' | 'weak',
): AssignedValue | null {
  restOfName.lastIndex = word.end
  restOfName.test(text)
  const nameEnd = restOfName.lastIndex
  const rest = text.slice(word.end, nameEnd)
  if (strength === 'weak' && /^[a-z](?!$)/.test(rest)) return null
  if (otherEnd.test(rest) || otherStart.test(text.slice(Math.max(0, word.start - 16), word.start))) return null
  const assigned = readAssigned(text, nameEnd)
  if (assigned) return /id$/i.test(rest) && uuid.test(assigned.value) ? null : assigned
  if (strength === 'weak') return null
  introduction.lastIndex = word.end
  return introduction.test(text) ? readValue(text, introduction.lastIndex) : null
}

function isSecret({ value, isQuoted, operator }: AssignedValue, strength: 'sure' | 'weak'): boolean {
  const shortest = operator === '' || strength === 'weak' ? 16 : isQuoted ? 8 : 10
  if (value.length < shortest || !allowed.test(value) || isPlaceholder(value)) return false
  if (uuid.test(value)) return strength === 'sure'
  return looksGenerated(value)
}
