import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto'
import { takeRandomBytes } from '../core/random-bytes.ts'

const prefix = 'sealed:v1:'

/** Encrypts what the class of a job asks to be unreadable in Redis. */
export interface Sealer {
  /** `context` (the job id and field) is authenticated: a sealed text can't be moved to another job. */
  seal(text: string, context: string): string
  /** Returns text that was never sealed as it is; throws when it was sealed with another key or for another context. */
  open(text: string, context: string): string
}

/** AES-256-GCM, a fresh 96-bit nonce per text (NIST SP 800-38D). `keyBytes` are `SLUICE_VAULT_KEY`'s 32 bytes. */
export function createSealer(keyBytes: Buffer): Sealer {
  if (keyBytes.length !== 32) throw new RangeError('SLUICE_VAULT_KEY must be 32 bytes in base64')
  const key = createSecretKey(keyBytes)
  return {
    seal(text, context) {
      const nonce = takeRandomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context))
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return prefix + Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64')
    },
    open(text, context) {
      if (!text.startsWith(prefix)) return text
      const bytes = Buffer.from(text.slice(prefix.length), 'base64')
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
        .setAAD(Buffer.from(context))
        .setAuthTag(bytes.subarray(12, 28))
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
    },
  }
}
