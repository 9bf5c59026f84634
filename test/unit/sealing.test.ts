import { createCipheriv, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { parseVaultKeys } from '../../src/process/environment.ts'
import { createSealer, UnknownVaultKeyError, vaultKeyId } from '../../src/store/sealing.ts'

const body = { job: 'job_1', field: 'body' }
const vault = { job: 'job_1', field: 'vault' }
const older = randomBytes(32)
const newer = randomBytes(32)

/** The parts of a sealed text: key id, wrapped key, nonce, tag and ciphertext. */
function partsOf(sealed: string): { keyId: string; wrapped: string; bytes: Buffer } {
  const [, version, keyId = '', wrapped = '', bytes = ''] = sealed.split(':')
  expect(version).toBe('v2')
  return { keyId, wrapped, bytes: Buffer.from(bytes, 'base64') }
}

/** As it was sealed before jobs had keys of their own. */
function sealAsBefore(text: string, key: Buffer, context: string): string {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context))
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return `sealed:v1:${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64')}`
}

describe('sealing', () => {
  it('gives back what was sealed, by any process that has the key', () => {
    const text = 'ü "quoted" \n😀'.repeat(1000)
    expect(createSealer(older).open(createSealer(older).seal(text, body), body)).toBe(text)
    expect(createSealer(older).open(createSealer(older).seal('', body), body)).toBe('')
  })

  it('shows nothing of the text, and never the same twice', () => {
    const sealer = createSealer(older)
    const [first, second] = [sealer.seal('secret words', body), sealer.seal('secret words', body)]
    expect(first).not.toBe(second)
    expect(partsOf(first).bytes.toString('latin1')).not.toContain('secret')
    expect(first.startsWith(`sealed:v2:${vaultKeyId(older)}:`)).toBe(true)
  })

  it('seals all texts of a job with one key, and no other job’s with it', () => {
    const sealer = createSealer(older)
    const sealed = sealer.seal('body', body)
    expect(partsOf(sealer.seal('vault', vault)).wrapped).toBe(partsOf(sealed).wrapped)
    expect(partsOf(sealer.seal('x', { job: 'job_2', field: 'body' })).wrapped).not.toBe(partsOf(sealed).wrapped)
  })

  it('goes on with the key of a job that another process sealed', () => {
    const sealed = createSealer(older).seal('body', body)
    const auditor = createSealer(older)
    auditor.open(sealed, body)
    expect(partsOf(auditor.seal('vault', vault)).wrapped).toBe(partsOf(sealed).wrapped)
  })

  it('opens when so many other jobs came between that the key is forgotten', () => {
    const sealer = createSealer(older)
    const sealed = sealer.seal('body', body)
    for (let number = 0; number < 600; number += 1) sealer.seal('x', { job: `other_${number}`, field: 'body' })
    expect(sealer.open(sealed, body)).toBe('body')
  })

  it('opens for no other job, for no other field, and not when a bit was changed', () => {
    const sealed = createSealer(older).seal('text', body)
    const open = (text: string, context = body) => createSealer(older).open(text, context)
    expect(() => open(sealed, { job: 'job_2', field: 'body' })).toThrow()
    expect(() => open(sealed, vault)).toThrow()
    const { keyId, wrapped, bytes } = partsOf(sealed)
    for (const at of [0, 12, bytes.length - 1]) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(() => open(`sealed:v2:${keyId}:${wrapped}:${changed.toString('base64')}`)).toThrow()
    }
    const changedKey = Buffer.from(wrapped, 'base64')
    changedKey[30] = (changedKey[30] ?? 0) ^ 1
    expect(() => open(`sealed:v2:${keyId}:${changedKey.toString('base64')}:${bytes.toString('base64')}`)).toThrow()
    expect(() => open(`sealed:v2:${keyId}:${wrapped}:${bytes.subarray(0, 20).toString('base64')}`)).toThrow()
    expect(() => open(`sealed:v2:${keyId}:${wrapped}`)).toThrow()
  })

  it('lets a text that was never sealed through', () => {
    expect(createSealer(older).open('{"a":1}', body)).toBe('{"a":1}')
  })
})

describe('changing the vault key', () => {
  it('opens what either key sealed while both are valid, and seals with the new one', () => {
    const sealed = createSealer(older).seal('before', body)
    const both = createSealer({ current: newer, previous: [older] })
    expect(both.open(sealed, body)).toBe('before')
    const anew = both.seal('vault', vault)
    expect(partsOf(anew).keyId).toBe(vaultKeyId(newer))
    expect(createSealer(newer).open(anew, vault)).toBe('vault')
    // A process that has not been restarted since the first step knows the new key as a previous one.
    expect(createSealer({ current: older, previous: [newer] }).open(anew, vault)).toBe('vault')
  })

  it('says which key is missing', () => {
    const sealed = createSealer(older).seal('before', body)
    expect(() => createSealer(newer).open(sealed, body)).toThrow(UnknownVaultKeyError)
    expect(() => createSealer(newer).open(sealed, body)).toThrow(vaultKeyId(older))
  })

  it('opens texts of the first version with any key of the ring', () => {
    const sealed = sealAsBefore('before', older, 'job_1 body')
    expect(createSealer(older).open(sealed, body)).toBe('before')
    expect(createSealer({ current: newer, previous: [older] }).open(sealed, body)).toBe('before')
    expect(() => createSealer(newer).open(sealed, body)).toThrow()
    expect(() => createSealer(older).open(sealed, vault)).toThrow()
  })

  it('reads the ring from the environment', () => {
    const text = (key: Buffer) => key.toString('base64')
    expect(parseVaultKeys(text(newer), {})).toEqual({ current: newer, previous: [] })
    const env = { SLUICE_VAULT_KEY_PREVIOUS: ` ${text(older)}, ${text(newer)},` }
    expect(parseVaultKeys(text(newer), env)).toEqual({ current: newer, previous: [older, newer] })
    expect(() => parseVaultKeys(text(newer), { SLUICE_VAULT_KEY_PREVIOUS: 'short' })).toThrow(
      'SLUICE_VAULT_KEY_PREVIOUS',
    )
    expect(() => parseVaultKeys('short', {})).toThrow('SLUICE_VAULT_KEY must')
  })

  it('refuses keys of another length', () => {
    expect(() => createSealer(randomBytes(16))).toThrow(RangeError)
    expect(() => createSealer({ current: older, previous: [randomBytes(31)] })).toThrow(RangeError)
  })
})
