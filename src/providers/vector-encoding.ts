/** How OpenAI writes vectors as text: base64 of 32-bit floats, the lowest byte first. */
export type EncodingFormat = 'float' | 'base64'

/** Inside a text the quotes would be escaped. */
const asksForBase64 = /"encoding_format"\s*:\s*"base64"/

/** How a request wants its vectors. */
export function wantedEncoding(bodyJson: string): EncodingFormat {
  return asksForBase64.test(bodyJson) ? 'base64' : 'float'
}

export function encodeVector(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4)
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4)
  return bytes.toString('base64')
}

export function decodeVector(text: string): number[] {
  const bytes = Buffer.from(text, 'base64')
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => bytes.readFloatLE(index * 4))
}
