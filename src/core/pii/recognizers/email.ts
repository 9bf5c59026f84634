import { findMatches } from '../find-matches.ts'
import type { Recognizer } from '../recognizer.ts'

// Bounded quantifiers: a pattern that cannot backtrack without limit cannot be made to hang. Letters of all scripts,
// because addresses may have them (RFC 6531).
const pattern =
  /[\p{L}\p{N}_%+'-](?:[\p{L}\p{N}._%+'-]{0,62}[\p{L}\p{N}_%+'-])?@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}/gu

export const email: Recognizer = {
  entity: 'EMAIL',
  examples: {
    finds: [
      'ada@example.com',
      'mail ada.l+x@mail.example.co.uk today',
      '<jürgen@müller.example>',
      "user=o'brien@example.org,",
      'ada@example.com.',
    ],
    ignores: ['@ada', 'ada@localhost', 'a @ b.com', 'npm i @scope/package@1.2.3', 'git@1.2'],
  },
  find: (text) => (text.includes('@') ? findMatches(text, { entity: 'EMAIL', pattern, score: 0.95 }) : []),
}
