import assert from 'node:assert/strict'
import type { Endpoint } from '../vocabulary.ts'
import type { TextPiece } from './detector.ts'
import { isJson } from './json-literals.ts'
import { type Leaf, type Shape, type Treatment, walkJson } from './json-walk.ts'
import type { Masker } from './mask.ts'
import { countEmbedded, isBinary, partsOfLink, readTextLink } from './media-links.ts'
import type { Finding } from './recognizer.ts'
import { chatRequest, embeddingsRequest } from './request-shapes.ts'

type Findings = readonly (readonly Finding[])[]

/** Pictures, sound and files that no detector reads. */
export interface Media {
  readonly images: number
  readonly audio: number
  readonly files: number
}

/** A stretch of a JSON text and what masking makes of it; null leaves it. */
interface Place {
  readonly start: number
  readonly end: number
  readonly mask: (findings: Findings, masker: Masker) => string | null
}

/**
 * The text that a JSON body holds, first to be looked at and then to be masked. All of it is found by the body's shape:
 * strings, keys and numbers that the protocol does not need as they are. Works on the JSON text itself: what is not
 * masked stays sign for sign, and no number loses a digit.
 */
export class BodyText {
  /** The body without the fields that it was told to leave out. */
  readonly asWritten: string
  readonly #reader = new Reader()
  readonly #places: readonly Place[]

  /** `without`: fields of the outermost object. @throws SyntaxError where the text is no JSON. */
  constructor(json: string, shape: Shape, options: { without?: readonly string[] } = {}) {
    const without = new Set(options.without)
    this.asWritten = without.size === 0 ? json : withoutFields(json, without)
    this.#places = this.#reader.read(this.asWritten, shape)
  }

  /** What detectors are shown, in an order that depends on the body alone. A short text that comes again is one piece. */
  get pieces(): readonly TextPiece[] {
    return this.#reader.pieces
  }

  get media(): Media {
    return this.#reader.media
  }

  get hasMedia(): boolean {
    const { images, audio, files } = this.media
    return images + audio + files > 0
  }

  /**
   * `findings` are those of `pieces`, a list for each: what has none was not looked at, and nothing may pass for clean.
   * The same text as `asWritten` when nothing is masked.
   */
  mask(findings: Findings, masker: Masker): string {
    assert.equal(findings.length, this.pieces.length, 'every piece must have been looked at')
    if (!this.#reader.hasCredentials && findings.every((found) => found.length === 0)) return this.asWritten
    for (const { text } of this.pieces) masker.reserve(text)
    for (const text of this.#reader.kept) masker.reserve(text)
    return rewrite(this.asWritten, this.#places, findings, masker)
  }
}

const shapes: Readonly<Record<Endpoint, Shape>> = {
  '/v1/chat/completions': chatRequest,
  '/v1/embeddings': embeddingsRequest,
}

/** The text of a request to one of our endpoints. */
export function textOf(endpoint: Endpoint, json: string, options: { without?: readonly string[] } = {}): BodyText {
  return new BodyText(json, shapes[endpoint], options)
}

function rewrite(json: string, places: readonly Place[], findings: Findings, masker: Masker): string {
  let rewritten = ''
  let from = 0
  for (const { start, end, mask } of places) {
    const masked = mask(findings, masker)
    if (masked === null) continue
    rewritten += json.slice(from, start) + masked
    from = end
  }
  return from === 0 ? json : rewritten + json.slice(from)
}

/** Cuts fields out of an object, each with the comma before or after it. */
function withoutFields(json: string, names: ReadonlySet<string>): string {
  const members = walkJson(json, 'keep', null)
  const kept = members.filter(({ name }) => !names.has(name))
  if (kept.length === members.length) return json
  return `{${kept.map(({ start, end }) => json.slice(start, end).trimEnd()).join(',')}}`
}

/** Takes a body apart into places, and numbers the texts in them. */
class Reader {
  readonly pieces: TextPiece[] = []
  /** Words that the protocol needs: they stay, and no placeholder may look like one of them. */
  readonly kept: string[] = []
  readonly media = { images: 0, audio: 0, files: 0 }
  /** A link has a name and password in it, which no detector needs to find. */
  hasCredentials = false
  readonly #known = new Map<string, number>()

  read(json: string, treatment: Treatment): Place[] {
    const places: Place[] = []
    walkJson(json, treatment, (leaf) => {
      const mask = this.#readLeaf(leaf)
      if (mask) places.push({ start: leaf.start, end: leaf.end, mask })
    })
    return places
  }

  #readLeaf(leaf: Leaf): Place['mask'] | null {
    const { kind, text, name, treatment } = leaf
    if (kind === 'number') {
      if (treatment === 'tokens') {
        // A prompt in a model's own numbers is one thing that nobody has looked into, however long it is.
        this.media.files = Math.max(1, this.media.files)
        return null
      }
      const isOurs = treatment !== 'keep' && treatment !== 'opaque' && treatment !== 'label' && mayBeData(text, name)
      return isOurs ? this.#readText(name, text) : null
    }
    if (treatment === 'keep' || treatment === 'opaque') {
      if (text.length <= longestKept) this.kept.push(text)
      return null
    }
    if (text === '') return null
    if (treatment === 'word') return this.#readText('', text, 'word')
    if (kind === 'key') return this.#readText('', text)
    if (treatment === 'json' && isJson(text)) return this.#readJson(text)
    if (treatment === 'image' || treatment === 'audio' || treatment === 'file') return this.#readLink(text, treatment)
    if (isBinary(text)) {
      this.media.files += 1
      // A session token is as long as a small picture; no detector is made for more.
      if (text.length > longestToken) return null
    }
    this.#countEmbedded(text)
    return this.#readText(name, text)
  }

  #readText(name: string, text: string, form: 'text' | 'word' = 'text'): Place['mask'] {
    const index = this.#number(name, text)
    return (findings, masker) => {
      const found = findings[index]
      if (!found || found.length === 0) return null
      const masked = masker.mask(text, found, form)
      return masked === text ? null : JSON.stringify(masked)
    }
  }

  /** JSON in a string stays JSON: what is masked is what its strings say, not how they are written. */
  #readJson(json: string): Place['mask'] {
    const places = this.read(json, 'text')
    return (findings, masker) => {
      const masked = rewrite(json, places, findings, masker)
      return masked === json ? null : JSON.stringify(masked)
    }
  }

  #readLink(link: string, kind: 'image' | 'audio' | 'file'): Place['mask'] | null {
    const data = readTextLink(link)
    if (data) {
      const index = this.#number('', data.text)
      return (findings, masker) => {
        const masked = masker.mask(data.text, findings[index] ?? [])
        return masked === data.text ? null : JSON.stringify(data.head + Buffer.from(masked).toString('base64'))
      }
    }
    if (kind === 'image') this.media.images += 1
    else if (kind === 'audio') this.media.audio += 1
    else this.media.files += 1
    const parts = partsOfLink(link).map((part) => {
      const index = part.isCredentials ? -1 : this.#number('', link.slice(part.start, part.end))
      return { ...part, index }
    })
    if (parts.length === 0) return null
    this.hasCredentials ||= parts.some((part) => part.isCredentials)
    return (findings, masker) => {
      const found = parts.flatMap(({ start, end, isCredentials, index }): Finding[] => {
        if (isCredentials) return [{ start, end, entity: 'PASSWORD', score: 1 }]
        return (findings[index] ?? []).map((one) => ({ ...one, start: one.start + start, end: one.end + start }))
      })
      const masked = masker.mask(link, found)
      return masked === link ? null : JSON.stringify(masked)
    }
  }

  #countEmbedded(text: string): void {
    const { images, audio, files } = countEmbedded(text)
    this.media.images += images
    this.media.audio += audio
    this.media.files += files
  }

  /** The number of the piece; keys and short values of long lists come again and again. */
  #number(name: string, text: string): number {
    if (text.length > longestShared) return this.pieces.push({ name, text }) - 1
    const id = `${name}\n${text}`
    const known = this.#known.get(id)
    if (known !== undefined) return known
    const index = this.pieces.push({ name, text }) - 1
    this.#known.set(id, index)
    return index
  }
}

/** Data is full of small numbers, and few are anybody's: to look at each would take longer than all the rest. */
function mayBeData(number: string, name: string): boolean {
  return number.replace(/\D/g, '').length >= fewestDigits || tellsOfSmallNumbers.test(name)
}

const fewestDigits = 5
/** Names of ages, card security codes, PINs and postcodes, in the languages of the recognizers. */
const tellsOfSmallNumbers =
  /age|alter|edad|idade|et[aà]|leeftijd|alder|wiek|cv[cv]|cid|csc|pin|code|pass|secur|zip|post|plz|birth|year|account/i

const longestToken = 16_384
const longestShared = 64
/** A longer word of the protocol's is base64. */
const longestKept = 200
