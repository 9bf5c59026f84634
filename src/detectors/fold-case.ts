/**
 * A text in small letters and of the same length: `İ`, the one letter that becomes two, loses its dot, and a sigma is one
 * wherever it stands.
 */
export function foldCase(text: string): string {
  return text.replaceAll('İ', 'i').toLowerCase().replaceAll('ς', 'σ')
}
