import { isUtf8 } from 'node:buffer'

/** A part of a link that may hold personal data, in offsets of the link. */
export interface LinkPart {
  readonly start: number
  readonly end: number
  /** The name and password before a host: nothing needs to look for them. */
  readonly isCredentials: boolean
}

/**
 * The parts of an http(s) address beside the host and the path's slashes: what an upstream needs to fetch it stays
 * unless something is found in it.
 */
export function partsOfLink(link: string): LinkPart[] {
  const scheme = /^https?:\/\//i.exec(link)?.[0]
  if (scheme === undefined) return []
  const parts: LinkPart[] = []
  const hostEnd = endOf(/[/?#\\]/g, link, scheme.length)
  const at = link.lastIndexOf('@', hostEnd - 1)
  if (at > scheme.length) parts.push({ start: scheme.length, end: at, isCredentials: true })
  if (hostEnd < link.length) parts.push({ start: hostEnd, end: link.length, isCredentials: false })
  return parts
}

function endOf(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from
  return pattern.exec(text)?.index ?? text.length
}

/** A `data:` link (RFC 2397) that holds text. */
export interface TextLink {
  /** Everything up to the data, to be written before masked data; always says base64. */
  readonly head: string
  readonly text: string
}

/** Reads the text of a `data:text/…` link; null for any other, and for bytes that are no text. */
export function readTextLink(link: string): TextLink | null {
  const head = /^data:([\w.+-]{1,64}\/[\w.+-]{1,96})?((?:;[\w-]{1,32}=[^;,]{1,96}){0,8})(;base64)?,/i.exec(link)
  if (!head) return null
  const type = (head[1] ?? 'text/plain').toLowerCase()
  if (!type.startsWith('text/') && !textTypes.has(type)) return null
  const text = decodeData(link.slice(head[0].length), head[3] !== undefined)
  return text === null ? null : { head: `data:${head[1] ?? ''}${head[2] ?? ''};base64,`, text }
}

const textTypes: ReadonlySet<string> = new Set([
  ...['application/json', 'application/x-ndjson', 'application/jsonl', 'application/xml', 'application/yaml'],
  ...['application/x-yaml', 'application/javascript', 'application/sql', 'application/toml', 'image/svg+xml'],
])

function decodeData(data: string, isBase64: boolean): string | null {
  const bytes = isBase64 ? Buffer.from(data, 'base64') : bytesOfPercents(data)
  return isUtf8(bytes) && !bytes.includes(0) ? bytes.toString('utf8') : null
}

function bytesOfPercents(data: string): Buffer {
  try {
    return Buffer.from(decodeURIComponent(data), 'utf8')
  } catch {
    // Not UTF-8: told apart from text by what it decodes to.
    return Buffer.from([0])
  }
}

/** Links to pictures, sound and files in base64 that stand in a text, as Markdown allows. */
const embedded = /data:(image|audio|video|application|font)\/[\w.+-]{1,96}(?:;[\w-]{1,32}=[^;,\s]{1,96}){0,8};base64,/gi

export function countEmbedded(text: string): { images: number; audio: number; files: number } {
  const media = { images: 0, audio: 0, files: 0 }
  if (!text.includes(';base64,')) return media
  for (const [, kind = ''] of text.matchAll(embedded)) {
    if (kind.toLowerCase() === 'image') media.images += 1
    else if (kind.toLowerCase() === 'audio') media.audio += 1
    else media.files += 1
  }
  return media
}

/** Shorter ones are codes and keys, which detectors know. */
const shortestBinary = 512

/** Whether a text is nothing but base64 of bytes that are no text: a picture or a file in a field that nobody knows. */
export function isBinary(text: string): boolean {
  if (text.length < shortestBinary || !/^[A-Za-z0-9+/_-]{64}/.test(text)) return false
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return false
  const start = Buffer.from(text.slice(0, shortestBinary), 'base64')
  // The end of the sample may cut a sign of several bytes.
  return !isUtf8(start.subarray(0, start.length - 4)) || start.some((byte) => byte < 9)
}
