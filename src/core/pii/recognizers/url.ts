import type { Finding, Recognizer } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { joinWidest } from '../widest.ts'
import { wordSet } from '../word-set.ts'

/** What may stand in a URL (RFC 3986), and letters of all scripts, which browsers show. */
const afterScheme = /:\/\/[^\s<>"'`{}|\\^]{1,2048}/y
const userInfo = /^:\/\/[^/?#]{1,256}@/
const scheme = /(?<![a-z\d])(?:https?|ftps?|sftp|wss?)$/i
const host = String.raw`[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,62})(?:\.[\p{L}\p{N}][\p{L}\p{N}-]{0,62}){1,8}`
const withoutScheme = new RegExp(String.raw`www\d?\.${host}(?:/[^\s<>"'{}|\\^]{0,2048})?`, 'iuy')
/** Sites whose paths name a person. */
const profile =
  /(?<![\w.@/-])(?:linkedin\.com\/(?:in|pub)|facebook\.com|twitter\.com|x\.com|instagram\.com|github\.com|gitlab\.com|t\.me|tiktok\.com|youtube\.com|xing\.com\/profile|medium\.com|reddit\.com\/u(?:ser)?)\/@?[\w.%-]{1,100}\/?/iy
const profileHosts = wordSet(
  [
    ...[
      'linkedin.com/',
      'facebook.com/',
      'twitter.com/',
      'instagram.com/',
      'github.com/',
      'gitlab.com/',
      'tiktok.com/',
    ],
    ...['youtube.com/', 'xing.com/', 'medium.com/', 'reddit.com/', '/t.me/', ' t.me/', ' x.com/'],
  ],
  { whole: false },
)
const trailing = /[.,;:!?*_~\])]+$/
const trailingInside = /[.,;:!?*_~]+$/

export const url: Recognizer = {
  entity: 'URL',
  examples: {
    finds: [
      'see ⟦https://example.com/a?b=c⟧.',
      '<⟦http://AnonymousEar.fr/⟧>',
      'Website: ⟦www.example.co.uk⟧',
      '(⟦ftp://files.example.org/x⟧)',
      'at ⟦linkedin.com/in/ada-lovelace⟧, or',
    ],
    ignores: ['http', '://', 'a://', 'file.com', 'www', 'src/core/x.ts', 'www.', 'box.com/in'],
  },
  find(scan) {
    const { text } = scan
    const findings: Finding[] = []
    const note = (start: number, end: number) => {
      // A bracket at the end closes one before the URL, unless the URL opened it.
      const ends = /[([]/.test(text.slice(start, end)) ? trailingInside : trailing
      const tail = ends.exec(text.slice(Math.max(start, end - 8), end))?.[0].length ?? 0
      // Above the score of an e-mail address in its query: the whole is named after the URL.
      const score = /@|%40/.test(text.slice(start, end)) ? 0.96 : 0.9
      findings.push({ start, end: end - tail, entity: 'URL', score })
    }
    for (let at = text.indexOf('://'); at !== -1; at = text.indexOf('://', at + 3)) {
      const name = scheme.exec(text.slice(Math.max(0, at - 6), at))?.[0]
      afterScheme.lastIndex = at
      if (name === undefined || !afterScheme.test(text)) continue
      // What stands before the `@` is a name or a secret of its own, and is found as such.
      const authority = userInfo.exec(text.slice(at, afterScheme.lastIndex))?.[0].length
      note(authority === undefined ? at - name.length : at + authority, afterScheme.lastIndex)
      // A URL in the query of another belongs to it.
      at = afterScheme.lastIndex - 3
    }
    for (const { start, pattern } of placesWithoutScheme(scan)) {
      pattern.lastIndex = start
      if (pattern.test(text)) note(start, pattern.lastIndex)
    }
    return joinWidest(findings)
  },
}

function* placesWithoutScheme(scan: Scan): Generator<{ start: number; pattern: RegExp }> {
  const { text } = scan
  for (let at = text.indexOf('www'); at !== -1; at = text.indexOf('www', at + 3)) {
    if (!/[\w/.@]/.test(text[at - 1] ?? ' ')) yield { start: at, pattern: withoutScheme }
  }
  for (const start of scan.hits(profileHosts).starts) {
    yield { start: /[ /]/.test(text[start] ?? '') ? start + 1 : start, pattern: profile }
  }
}
