/**
 * How a blob is sealed: AES-256-GCM with a random key of its own, in chunks that open by themselves, so that a reader may
 * begin anywhere. The key is written in front of them, encrypted with the master key. Chunks carry their number, and the
 * last one says that it is the last (STREAM: Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its
 * Nonce-Reuse Misuse-Resistance", CRYPTO 2015): none can be moved, left out or cut off.
 *
 *     "SLB1" · id of the master key (8) · nonce (12), tag (16) and ciphertext (32) of the blob's key
 *     then for each 64 KiB of content: tag (16) · ciphertext
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { takeRandomBytes } from '../../core/random-bytes.ts'
import { UnknownVaultKeyError, type VaultKeys, vaultKeyId } from '../sealing.ts'

export const contentPerChunk = 64 * 1024
const nonceBytes = 12
export const tagBytes = 16
export const sealedChunk = contentPerChunk + tagBytes

const magic = Buffer.from('SLB1')
const keyIdBytes = 8
const keyBytes = 32
const wrappedAt = magic.length + keyIdBytes
export const headerBytes = wrappedAt + nonceBytes + tagBytes + keyBytes

/** What seals or opens the chunks of one blob. */
export interface BlobKey {
  readonly key: KeyObject
  /** Of the blob; authenticated, so that no blob can take another's place. */
  readonly name: string
}

/** A new key, and what is written in front of the blob. */
export function createBlobKey(name: string, { current }: VaultKeys): { key: BlobKey; header: Buffer } {
  const bytes = takeRandomBytes(keyBytes)
  const nonce = takeRandomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', createSecretKey(current), nonce).setAAD(keyContext(name))
  const wrapped = Buffer.concat([cipher.update(bytes), cipher.final()])
  const header = Buffer.concat([magic, Buffer.from(vaultKeyId(current)), nonce, cipher.getAuthTag(), wrapped])
  return { key: { key: createSecretKey(bytes), name }, header }
}

/** @throws UnknownVaultKeyError; Error where the header is damaged or belongs to another blob. */
export function openBlobKey(name: string, header: Buffer, { current, previous }: VaultKeys): BlobKey {
  if (header.length !== headerBytes || !header.subarray(0, magic.length).equals(magic)) {
    throw new Error('not the beginning of a sealed blob')
  }
  const keyId = header.toString('latin1', magic.length, wrappedAt)
  const master = [current, ...previous].find((key) => vaultKeyId(key) === keyId)
  if (!master) throw new UnknownVaultKeyError(keyId)
  const tagAt = wrappedAt + nonceBytes
  const decipher = createDecipheriv('aes-256-gcm', createSecretKey(master), header.subarray(wrappedAt, tagAt), {
    authTagLength: tagBytes,
  })
    .setAAD(keyContext(name))
    .setAuthTag(header.subarray(tagAt, tagAt + tagBytes))
  const bytes = Buffer.concat([decipher.update(header.subarray(tagAt + tagBytes)), decipher.final()])
  return { key: createSecretKey(bytes), name }
}

/** `number` counts from 0. */
export function sealChunk(content: Buffer, place: { number: number; isLast: boolean }, { key, name }: BlobKey): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(place)).setAAD(chunkContext(name))
  const encrypted = [cipher.update(content), cipher.final()]
  return Buffer.concat([cipher.getAuthTag(), ...encrypted])
}

/** @throws Error where the chunk was changed or moved, or is not the last and should be. */
export function openChunk(sealed: Buffer, place: { number: number; isLast: boolean }, { key, name }: BlobKey): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(place), { authTagLength: tagBytes })
    .setAAD(chunkContext(name))
    .setAuthTag(sealed.subarray(0, tagBytes))
  return Buffer.concat([decipher.update(sealed.subarray(tagBytes)), decipher.final()])
}

/** The key seals this blob and nothing else, so a counter never gives the same nonce twice. */
function nonceOf({ number, isLast }: { number: number; isLast: boolean }): Buffer {
  const nonce = Buffer.alloc(nonceBytes)
  nonce.writeUInt32BE(number, nonceBytes - 5)
  nonce.writeUInt8(isLast ? 1 : 0, nonceBytes - 1)
  return nonce
}

function keyContext(name: string): Buffer {
  return Buffer.from(`${name} blob key`)
}

function chunkContext(name: string): Buffer {
  return Buffer.from(`${name} blob chunk`)
}
