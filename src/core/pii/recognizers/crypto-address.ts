import { createHash } from 'node:crypto'
import type { Finding, Recognizer } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { wordSet } from '../word-set.ts'

const base58Alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const base58 = /^[1-9A-HJ-NP-Za-km-z]{26,36}$/
const bech32Alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const bech32Generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
const walletWords = wordSet([
  ...[
    'bitcoin',
    'btc',
    'eth',
    'ethereum',
    'wallet',
    'crypto',
    'solana',
    'ripple',
    'xrp',
    'monero',
    'xmr',
    'litecoin',
    'usdt',
  ],
  ...['dogecoin', 'tron', 'trx', 'cardano', 'cryptocurrency', 'blockchain address', 'bech32', 'ltc', 'wallet_address'],
])
const reach = 40

export const cryptoAddress: Recognizer = {
  entity: 'CRYPTO',
  examples: {
    finds: [
      'pay ⟦1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa⟧ now',
      '⟦bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq⟧',
      'to ⟦0x52908400098527886E0F7030069857D2E4169EE7⟧.',
      '⟦3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy⟧',
      'wallet: ⟦1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb⟧',
    ],
    ignores: [
      '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb',
      'bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdx',
      '0x52908400098527886E0F7030069857D2E4169EE',
      '52908400098527886E0F7030069857D2E4169EE7',
      'wallet opened 12 times',
    ],
  },
  find(scan) {
    const findings: Finding[] = []
    for (const { start, end } of scan.codes) {
      if (end - start < 26 || end - start > 110) continue
      const score = scoreOf(scan, start, end)
      if (score > 0) findings.push({ start, end, entity: 'CRYPTO', score })
    }
    return findings
  },
}

function scoreOf(scan: Scan, start: number, end: number): number {
  const code = scan.text.slice(start, end)
  // EIP-55 writes the check into the case of the letters, but most software writes small ones.
  if (/^0x[\da-fA-F]{40}$/.test(code)) return 0.85
  if (/^(?:bc1|tb1|ltc1|addr1)/i.test(code) && passesBech32(code.toLowerCase())) return 0.98
  if (!/[A-Z]/.test(code) || !/[a-z]/.test(code)) return 0
  if (base58.test(code) && passesBase58Check(code)) return 0.98
  const isLikely = /^[13LMDTr][1-9A-HJ-NP-Za-km-z]{25,35}$|^[48][1-9A-HJ-NP-Za-km-z]{94}$/.test(code)
  return isLikely && scan.isNear(walletWords, { start, end }, reach) ? 0.75 : 0
}

/** 21 bytes and the first four of their double SHA-256: Bitcoin, Litecoin, Dogecoin, Tron and others. */
function passesBase58Check(code: string): boolean {
  let value = 0n
  for (const sign of code) value = value * 58n + BigInt(base58Alphabet.indexOf(sign))
  const bytes = Buffer.from(value.toString(16).padStart(50, '0'), 'hex')
  if (bytes.length !== 25) return false
  const sha = (data: Buffer) => createHash('sha256').update(data).digest()
  return sha(sha(bytes.subarray(0, 21)))
    .subarray(0, 4)
    .equals(bytes.subarray(21))
}

/** BIP 173, and BIP 350 for the newer constant. */
function passesBech32(code: string): boolean {
  const parting = code.lastIndexOf('1')
  const prefix = [...code.slice(0, parting)].map((sign) => sign.charCodeAt(0))
  const data = [...code.slice(parting + 1)].map((sign) => bech32Alphabet.indexOf(sign))
  if (data.length < 6 || data.includes(-1)) return false
  let state = 1
  for (const value of [...prefix.map((unit) => unit >> 5), 0, ...prefix.map((unit) => unit & 31), ...data]) {
    const top = state >>> 25
    state = ((state & 0x1ffffff) << 5) ^ value
    for (const [bit, generator] of bech32Generators.entries()) if ((top >> bit) & 1) state ^= generator
  }
  return state === 1 || state === 0x2bc830a3
}
