import type { Finding, Recognizer } from '../recognizer.ts'
import { joinWidest } from '../widest.ts'

// The search starts at the `@`, which is rare, and looks back from there. All quantifiers are bounded: a pattern that
// cannot backtrack without limit cannot be made to hang. Letters and marks of all scripts, because addresses may have
// them (RFC 6531); `%40`, because addresses stand in URLs.
const at = '(?:@|%40)'
const local = String.raw`[\p{L}\p{M}\p{N}_][\p{L}\p{M}\p{N}._%+'-]{0,63}`
const label = String.raw`[\p{L}\p{M}\p{N}_][\p{L}\p{M}\p{N}_-]{0,62}`
const topLevel = String.raw`(?:xn--[a-z0-9-]{2,59}|\p{L}[\p{L}\p{M}]{1,62})`
const pattern = new RegExp(String.raw`${at}(?<=(${local})${at})(?:${label}\.){1,8}${topLevel}`, 'gu')

/** systemd's template units and pictures for dense screens look like addresses, and stand in logs and code. */
const lookalike =
  /@(?:\d+x\.(?:png|jpe?g|gif|webp|svg)|.*\.(?:service|socket|slice|scope|timer|mount|automount|target|device|swap))$/i

export const email: Recognizer = {
  entity: 'EMAIL',
  examples: {
    finds: [
      'ada@example.com',
      'mail ada.l+x@mail.example.co.uk today',
      '<jürgen@müller.example>',
      "user=o'brien@example.org,",
      'ada@example.com.',
      '7ada@example.com4111',
      'GET /users?mail=ada%40example.com',
      'मेल@उदाहरण.भारत',
    ],
    ignores: [
      '@ada',
      'ada@localhost',
      'a @ b.com',
      'npm i @scope/package@1.2.3',
      'git@1.2',
      'getty@tty1.service',
      'icon@2x.png',
    ],
  },
  find({ text }) {
    if (!text.includes('@') && !text.includes('%40')) return []
    const findings: Finding[] = []
    for (const { 0: rest, 1: before = '', index } of text.matchAll(pattern)) {
      if (lookalike.test(rest)) continue
      findings.push({ start: index - before.length, end: index + rest.length, entity: 'EMAIL', score: 0.95 })
    }
    return joinWidest(findings)
  },
}
