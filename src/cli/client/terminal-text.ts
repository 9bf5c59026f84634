import { stripVTControlCharacters } from 'node:util'

/**
 * Makes text of a log or a model harmless on a terminal: escape sequences are removed and control characters shown as
 * their picture, line ends and tabs excepted. A log line that repaints the screen is an old trick.
 */
export function plainText(text: string): string {
  return stripVTControlCharacters(text).replace(controls, (sign) => {
    const code = sign.charCodeAt(0)
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : '\uFFFD'
  })
}

/** The same on one line of at most `width` characters; what is cut off ends in `…`. */
export function oneLine(text: string, width: number): string {
  const flat = plainText(text).replace(/\s+/g, ' ').trim()
  const characters = Array.from(flat)
  return characters.length <= width ? flat : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is there to find
const controls = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** 1536 → `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(byteUnits.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** power
  return `${power === 0 ? value : value.toFixed(1)} ${byteUnits[power]}`
}

/** 75_300 → `1m 15s`; under a minute with a tenth of a second. */
export function formatDuration(ms: number): string {
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)}s`
  const seconds = Math.round(ms / 1000)
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  return hours > 0 ? `${hours}h ${minutes}m` : `${minutes}m ${seconds % 60}s`
}

/** 1234567 → `1,234,567`, the same in every locale. */
export function formatNumber(value: number): string {
  return value.toLocaleString('en-US')
}

/** Unix seconds → `2026-11-21 18:30:00Z`. */
export function formatTime(unixSeconds: number): string {
  return `${new Date(unixSeconds * 1000).toISOString().slice(0, 19).replace('T', ' ')}Z`
}

/** `{a: 1, b: 2}` → `a=1, b=2`. */
export function formatPairs(pairs: Readonly<Record<string, string | number>> | null | undefined, sign = '='): string {
  return Object.entries(pairs ?? {})
    .map(([name, value]) => `${name}${sign}${value}`)
    .join(', ')
}
