import { findMatches } from '../find-matches.ts'
import type { Finding, Recognizer } from '../recognizer.ts'

/** The forms that issuers give their keys, so that scanners can know them; each needs one of its marks in the text. */
const forms: readonly { mark: string; pattern: RegExp }[] = [
  // AWS access key ids: docs.aws.amazon.com, IAM identifiers.
  { mark: 'A', pattern: /(?<![A-Z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Z0-9])/g },
  // GitHub: docs.github.com, token formats.
  { mark: 'gh', pattern: /(?<!\w)gh[pousr]_[A-Za-z0-9]{36,255}(?!\w)/g },
  { mark: 'github_pat_', pattern: /(?<!\w)github_pat_[A-Za-z0-9_]{22,255}(?!\w)/g },
  { mark: 'glpat-', pattern: /(?<!\w)glpat-[\w-]{20,64}/g },
  // OpenAI, Anthropic, OpenRouter and our own.
  { mark: 'sk-', pattern: /(?<![\w-])sk-(?:[a-z]{2,12}-){0,3}[A-Za-z0-9_-]{20,255}/g },
  { mark: 'xox', pattern: /(?<!\w)xox[abeoprs]-[\w-]{10,255}/g },
  { mark: 'AIza', pattern: /(?<!\w)AIza[\w-]{35}(?![\w-])/g },
  { mark: '_live_', pattern: /(?<!\w)(?:sk|rk|pk)_live_[A-Za-z0-9]{16,255}/g },
  { mark: '_test_', pattern: /(?<!\w)(?:sk|rk)_test_[A-Za-z0-9]{16,255}/g },
  { mark: 'npm_', pattern: /(?<!\w)npm_[A-Za-z0-9]{36}(?!\w)/g },
  { mark: 'hf_', pattern: /(?<!\w)hf_[A-Za-z0-9]{30,64}(?!\w)/g },
  { mark: 'SG.', pattern: /(?<!\w)SG\.[\w-]{16,32}\.[\w-]{16,64}/g },
  { mark: 'whsec_', pattern: /(?<!\w)whsec_[A-Za-z0-9+/]{32,88}={0,2}/g },
  // JSON Web Tokens: RFC 7519; a header in base64url starts with `{"`.
  { mark: 'eyJ', pattern: /(?<![\w-])eyJ[\w-]{10,2000}\.[\w-]{10,8000}\.[\w-]{10,2000}/g },
  { mark: 'earer ', pattern: /(?<=\b[Bb]earer {1,4})[A-Za-z0-9._~+/-]{20,4000}={0,2}/g },
  {
    mark: 'PRIVATE KEY-----',
    pattern:
      /-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY-----[\s\S]{16,8000}?-----END (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY-----/g,
  },
]

// Assembled here, so that no scanner takes this file for a leak.
const sample = (prefix: string, length: number) =>
  prefix + 'Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z'.repeat(4).slice(0, length)

export const apiKey: Recognizer = {
  entity: 'API_KEY',
  examples: {
    finds: [
      `AWS_ACCESS_KEY_ID=AKIA${'ABCDEFGH23456723'}`,
      sample('ghp_', 36),
      `key ${sample('sk-proj-', 48)} used`,
      sample('sk-ant-api03-', 60),
      sample('xoxb-1234567890-', 24),
      sample('AIza', 35),
      sample('sk_live_', 24),
      `Authorization: Bearer ${sample('', 40)}`,
      `eyJhbGciOiJIUzI1NiJ9.${sample('eyJ', 30)}.${sample('', 43)}`,
      `-----BEGIN RSA PRIVATE KEY-----\n${sample('', 64)}\n-----END RSA PRIVATE KEY-----`,
    ],
    ignores: ['sk-short', 'task-management-for-large-organisations', 'the bearer of bad news', 'AKIA', 'github_pat_'],
  },
  find(text) {
    const findings: Finding[] = []
    for (const { mark, pattern } of forms) {
      if (text.includes(mark)) findings.push(...findMatches(text, { entity: 'API_KEY', pattern, score: 0.98 }))
    }
    return findings
  },
}
