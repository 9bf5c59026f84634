import { describe, expect, it } from 'vitest'
import { detect } from '../../src/core/pii/detect.ts'
import { type Kind, kinds } from '../../src/core/pii/secrets/kinds.ts'
import { vendors } from '../../src/core/pii/secrets/vendors.ts'
import { createRandom, type Random, sampleOf } from '../support/pattern-samples.ts'

/** What stands around a secret in practice. */
const surroundings: readonly ((value: string) => string)[] = [
  (value) => `2026-11-21T10:15:43Z INFO worker-7 calling upstream with ${value} attempt=1`,
  (value) => `Nov 21 10:15:43 web-1 app[77]: config value=${value};`,
  (value) => `Can you rotate this for me: ${value}, please? It was in the chat.`,
  (value) => `{"message":"started","detail":"${value}","n":3}`,
  (value) => `export THING='${value}'\nnext line`,
  (value) => `curl https://api.test/v1?x=1 -H "X-Thing: ${value}"`,
]

/** A text with a key of the kind, and what of it is secret. */
function makeKey({ before, body, mark, keyOnly }: Kind, random: Random): { whole: string; secret: string } {
  const lead = before ? sampleOf(before, random) : ''
  const sample = body.source.startsWith('(?!') && before ? '' : sampleOf(body, random, isVaried)
  const key = keyOnly ? new RegExp(`^(?:${body.source})$`, body.flags).exec(sample)?.groups?.key : undefined
  const whole = lead + mark + sample
  return { whole, secret: key ?? whole }
}

function isVaried(value: string): boolean {
  return (
    value.length < 8 || (/\d|(?:[a-z][A-Z].*){3}/.test(value) && new Set(value).size > Math.min(7, value.length / 2))
  )
}

/** Like an issuer's: letters or digits at both ends, and no word. */
function isLikely(value: string): boolean {
  return /^[A-Za-z0-9].*[A-Za-z0-9=]$/.test(value) && (value.match(/\d/g)?.length ?? 0) >= 2
}

function isCovered(text: string, value: string): boolean {
  const start = text.indexOf(value)
  return detect(text).some((finding) => finding.start <= start && finding.end >= start + value.length)
}

describe('planted keys', () => {
  const random = createRandom(20_261_121)

  it.each(kinds.map((kind) => [kind.id, kind] as const))('are found in lines and in sentences: %s', (_id, kind) => {
    for (const surround of surroundings) {
      const { whole, secret } = makeKey(kind, random)
      const text = surround(whole)
      expect(text.includes(whole)).toBe(true)
      expect({ text, isCovered: isCovered(text, secret) }).toEqual({ text, isCovered: true })
    }
  })

  it.each(vendors.map(([name, shape]) => [name, shape] as const))('are found by the name of %s', (name, shape) => {
    const upper = name.toUpperCase().replace(/_$/, '').replaceAll(/[.-]/g, '_')
    const written = name.includes('.') || name.includes('-') ? name : upper
    for (const assign of [
      (value: string) => `${written}_API_KEY=${value}`,
      (value: string) => `"${written}_token": "${value}",`,
      (value: string) => `  ${written}_secret: '${value}'`,
    ]) {
      const secret = sampleOf(shape, random, isLikely)
      const text = assign(secret)
      expect({ text, isCovered: isCovered(text, secret) }).toEqual({ text, isCovered: true })
    }
  })

  it('keeps its kinds apart by their names', () => {
    expect(new Set(kinds.map(({ id }) => id)).size).toBe(kinds.length)
    expect(kinds.length + vendors.length).toBeGreaterThan(400)
  })
})

describe('planted passwords', () => {
  const random = createRandom(7)
  const password = () => sampleOf(/[A-Z][a-z]{3}[!#%+*][a-z0-9]{4}[0-9]{2}/, random)

  it.each([
    (value: string) => `DB_PASSWORD=${value}`,
    (value: string) => `db.password: "${value}"`,
    (value: string) => `{"user":"ada","password":"${value}"}`,
    (value: string) => `{\\"password\\":\\"${value}\\"}`,
    (value: string) => `Server=db;User Id=ada;Password=${value};Encrypt=true`,
    (value: string) => `My password is ${value}, it no longer works.`,
    (value: string) => `mysql -h db -u ada -p${value} shop`,
    (value: string) => `sshpass -p '${value}' ssh ada@server`,
    (value: string) => `tool login --username ada --password ${value}`,
    (value: string) => `machine git.test login ada password ${value}`,
    (value: string) => `<Password>${value}</Password>`,
    (value: string) => `ALTER USER ada IDENTIFIED BY '${value}';`,
    (value: string) => `postgres://ada:${value}@db:5432/shop`,
    (value: string) => `curl -u ada:${value} https://api.test`,
    (value: string) => `Das Passwort lautet ${value}.`,
    (value: string) => `Mot de passe : ${value}`,
    (value: string) => `contraseña: ${value}`,
    (value: string) => `- name: DB_PASSWORD\n  value: ${value}`,
    (value: string) => `password := "${value}"`,
    (value: string) => `password: str = "${value}"`,
  ])('are found: %s', (surround) => {
    for (let count = 0; count < 20; count += 1) {
      const value = password()
      const text = surround(value)
      expect({ text, isCovered: isCovered(text, value) }).toEqual({ text, isCovered: true })
    }
  })
})

describe('what looks like a secret and is none', () => {
  const random = createRandom(99)
  const hex = (length: number) => sampleOf(new RegExp(`[0-9a-f]{${length}}`), random)
  const uuid = () => [8, 4, 4, 4, 12].map(hex).join('-')

  it.each([
    () => `req-${uuid()} GET /v2/servers status: 200`,
    () => `request_id=${hex(32)} took 12 ms`,
    () => `trace ${hex(32)} span ${hex(16)}`,
    () => `commit ${hex(40)}`,
    () => `sha256:${hex(64)}`,
    () => `Deleting block blk_-1608999687919862906 file /mnt/hadoop/dfs/data/current/blk_-1608999687919862906`,
    () => `instance: ${uuid()}] Took 20.5 seconds`,
    () => `ETag: "${hex(32)}"`,
    () => `index ${hex(7)}..${hex(7)} 100644`,
    () => `Package_for_KB2928120~31bf3856ad364e35~amd64~~6.1.1.2`,
    () => `integrity md5 ${hex(32)} app.js`,
  ])('is left alone: %s', (line) => {
    for (let count = 0; count < 20; count += 1) {
      const text = line()
      const found = detect(text).filter(({ entity }) => entity === 'SECRET' || entity === 'PASSWORD')
      expect({ text, found }).toEqual({ text, found: [] })
    }
  })
})
