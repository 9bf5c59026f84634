import type { Finding, Recognizer } from '../recognizer.ts'

/**
 * The forms that issuers give their keys so that scanners can know them. `mark` is looked for first and `pattern` tried
 * where it stands. A form asks for a word boundary on its left only where its mark is also part of ordinary words:
 * digits or dashes before a key must not hide it. The group `key` is what is secret, if that is not all.
 */
const forms: readonly { mark: string; pattern: RegExp }[] = [
  // AWS access key ids: docs.aws.amazon.com, IAM identifiers.
  ...['AKIA', 'ASIA', 'ABIA', 'ACCA'].map((mark) => ({ mark, pattern: /[A-Z]{4}(?=[A-Z]{0,15}\d)[A-Z0-9]{16}/y })),
  // GitHub: docs.github.com, token formats.
  ...['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'].map((mark) => ({ mark, pattern: /gh[pousr]_[A-Za-z0-9]{36,255}/y })),
  { mark: 'github_pat_', pattern: /github_pat_[A-Za-z0-9_]{22,255}/y },
  // GitLab: docs.gitlab.com, token prefixes.
  ...['glpat-', 'gldt-', 'glrt-', 'glptt-'].map((mark) => ({ mark, pattern: /gl[a-z]{2,3}-[\w.-]{20,255}/y })),
  // Anthropic, OpenAI, OpenRouter, DeepSeek. A digit is asked for because words joined by dashes look alike, and a
  // boundary where the mark ends words such as `task-`.
  ...['sk-ant-', 'sk-proj-', 'sk-svcacct-', 'sk-or-v1-'].map((mark) => ({ mark, pattern: /sk-[\w-]{24,255}/y })),
  { mark: 'sk-', pattern: /(?<![A-Za-z])sk-(?=[\w-]{0,100}\d)[\w-]{20,255}/y },
  // Stripe, and all who sign webhooks the standard way.
  ...['sk_live_', 'rk_live_', 'sk_test_', 'rk_test_'].map((mark) => ({ mark, pattern: /[sr]k_[a-z]{4}_\w{10,255}/y })),
  { mark: 'whsec_', pattern: /whsec_[A-Za-z0-9+/]{24,88}={0,2}/y },
  // Slack.
  { mark: 'xox', pattern: /xox[abeoprs]-[\w-]{10,255}/y },
  { mark: 'xapp-', pattern: /xapp-\d-[\w-]{20,255}/y },
  { mark: 'hooks.slack.com/services/', pattern: /hooks\.slack\.com\/services\/(?<key>[\w/]{20,100})/y },
  // Google: API keys, OAuth access tokens and client secrets.
  { mark: 'AIza', pattern: /AIza[\w-]{35}/y },
  { mark: 'ya29.', pattern: /ya29\.[\w.-]{30,512}/y },
  { mark: 'GOCSPX-', pattern: /GOCSPX-[\w-]{24,40}/y },
  // Package registries, model hosts and clouds.
  { mark: 'npm_', pattern: /npm_[A-Za-z0-9]{36}/y },
  { mark: 'pypi-AgE', pattern: /pypi-AgE[\w-]{50,512}/y },
  { mark: 'dckr_pat_', pattern: /dckr_pat_[\w-]{20,64}/y },
  { mark: 'hf_', pattern: /hf_(?=[A-Za-z]{0,60}\d)[A-Za-z0-9]{30,64}/y },
  { mark: 'gsk_', pattern: /gsk_[A-Za-z0-9]{40,64}/y },
  { mark: 'xai-', pattern: /xai-[A-Za-z0-9]{40,128}/y },
  { mark: 'SG.', pattern: /SG\.[\w-]{16,32}\.[\w-]{16,64}/y },
  { mark: 'dop_v1_', pattern: /dop_v1_[a-f0-9]{64}/y },
  { mark: 'shpat_', pattern: /shpat_[a-fA-F0-9]{32}/y },
  { mark: 'hvs.', pattern: /hvs\.[\w-]{24,255}/y },
  { mark: 'AGE-SECRET-KEY-1', pattern: /AGE-SECRET-KEY-1[A-Z0-9]{58}/y },
  // JSON Web Tokens (RFC 7519): the payload starts with `{"` in base64url, like the header, for which it looks back.
  { mark: '.eyJ', pattern: /(?<=(?<before>eyJ[\w-]{5,2000}))\.eyJ[\w-]{4,8000}\.[\w-]{0,1400}/y },
  // RFC 6750. A digit is asked for because samples say `Bearer YOUR_ACCESS_TOKEN_HERE`.
  ...['Bearer ', 'bearer '].map((mark) => ({
    mark,
    pattern: /bearer {1,4}(?<key>(?=[A-Za-z._~+/-]{0,200}\d)[\w.~+/-]{20,8000}={0,2})/iy,
  })),
  // What a text calls a key: `api_key=…`, `"clientSecret": "…"`, `Security token …`. Letters and three digits are asked for.
  ...['key', 'Key', 'KEY', 'token', 'Token', 'TOKEN', 'secret', 'Secret', 'SECRET'].map((mark) => ({
    mark,
    pattern:
      /(?:key|token|secret)(?:_?id)?["'\]]{0,3}(?: {0,3}(?::=|=>|[:=]) {0,3}["'`]{0,2}(?=[\w~+/.-]{16})| (?=[\w~+/.-]{20}))(?=[\w~+/.-]{0,60}[A-Za-z])(?<key>(?:[A-Za-z_~+/.-]{0,60}\d){3}[\w~+/.-]{0,512}={0,2})/iy,
  })),
  // The password of a connection string.
  { mark: '://', pattern: /:\/\/[^\s:/@]{0,64}:(?<key>[^\s/@:<${][^\s/@]{2,127})(?=@)/y },
]

/** Prose has no underscores: one look spares it a third of the forms. */
const formsWithoutUnderscore = forms.filter(({ mark }) => !mark.includes('_'))

const blockStart = /-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----/g
const blockEnd = /-----END (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----/g
/** An RSA key of 16,384 bits takes 12,700 signs. */
const longestBlock = 16_384
/** What follows the start of a block whose end was cut off: lines of base64. */
const blockLines = /(?:(?:\s|\\[nr]){0,4}[A-Za-z0-9+/=]{16,128}){0,400}/y

// Assembled here, so that no scanner takes this file for a leak.
const sample = (prefix: string, length: number) =>
  prefix + 'Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z'.repeat(4).slice(0, length)

export const secret: Recognizer = {
  entity: 'SECRET',
  examples: {
    finds: [
      `AWS_ACCESS_KEY_ID=AKIA${'ABCDEFGH23456723'}`,
      `12-${sample('ghp_', 36)}-34`,
      sample('github_pat_', 60),
      sample('glpat-', 20),
      `key ${sample('sk-proj-', 48)} used`,
      sample('sk-ant-api03-', 60),
      sample('xoxb-1234567890-', 24),
      sample('AIza', 35),
      sample('sk_live_', 24),
      sample('npm_', 36),
      sample('hf_', 34),
      `SG.${sample('', 22)}.${sample('', 43)}`,
      `Authorization: Bearer ${sample('', 40)}`,
      `eyJhbGciOiJIUzI1NiJ9.${sample('eyJ', 30)}.${sample('', 43)}`,
      `Bearer eyJhbGciOiJIUzI1NiJ9.${sample('eyJ', 30)}.${sample('', 43)}`,
      `-----BEGIN RSA PRIVATE KEY-----\n${sample('', 64)}\n-----END RSA PRIVATE KEY-----`,
      `-----BEGIN PRIVATE KEY-----\n${sample('', 64)}\n${sample('', 64)}`,
      'postgres://app:correct-horse@db:5432/app',
      `"client_secret": "${sample('', 32)}"`,
      `Security token ${sample('', 32)}`,
    ],
    ignores: [
      'sk-short',
      'task-management-for-large-organisations-2026',
      'the bearer of bad news',
      'Bearer YOUR_ACCESS_TOKEN_GOES_HERE',
      'AKIA',
      'github_pat_',
      '-----BEGIN PUBLIC KEY-----',
      'max_tokens: 1024, key = value, secret=process.env.CLIENT_SECRET',
      'token 1608999687919862906 at 2026-11-21T10:15:43Z',
      'http://localhost:4000/v1/users/@me',
      'postgres://app:<password>@db/app',
    ],
  },
  find({ text }) {
    const possible = text.includes('_') ? forms : formsWithoutUnderscore
    return [...possible.flatMap((form) => findForm(text, form)), ...findPrivateKeys(text)]
  },
}

function findForm(text: string, { mark, pattern }: (typeof forms)[number]): Finding[] {
  const findings: Finding[] = []
  for (let at = text.indexOf(mark); at !== -1; ) {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match) {
      const end = pattern.lastIndex
      const { key, before } = match.groups ?? {}
      const start = key === undefined ? at - (before?.length ?? 0) : end - key.length
      findings.push({ start, end, entity: 'SECRET', score: 0.98 })
    }
    at = text.indexOf(mark, match ? pattern.lastIndex : at + 1)
  }
  return findings
}

function findPrivateKeys(text: string): Finding[] {
  if (!text.includes('PRIVATE KEY')) return []
  const ends = [...text.matchAll(blockEnd)].map((match) => match.index + match[0].length)
  const findings: Finding[] = []
  let ended = 0
  let nextEnd = 0
  for (const { 0: line, index } of text.matchAll(blockStart)) {
    if (index < ended) continue
    while (nextEnd < ends.length && (ends[nextEnd] ?? 0) <= index) nextEnd += 1
    const end = ends[nextEnd]
    ended = end !== undefined && end - index <= longestBlock ? end : endOfLines(text, index + line.length)
    findings.push({ start: index, end: ended, entity: 'SECRET', score: 1 })
  }
  return findings
}

function endOfLines(text: string, from: number): number {
  blockLines.lastIndex = from
  return blockLines.test(text) ? blockLines.lastIndex : from
}
