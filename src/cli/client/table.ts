import Table from 'cli-table3'
import { plainText } from './terminal-text.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

const noLines = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

/** Aligned columns without lines around them, so that what people copy or pipe on is the data. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const hasHead = columns.some((column) => column.title !== '')
  const table = new Table({
    ...(hasHead && { head: columns.map((column) => column.title) }),
    colAligns: columns.map((column) => column.align ?? 'left'),
    chars: noLines,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  })
  table.push(...rows.map((row) => row.map(plainText)))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}
