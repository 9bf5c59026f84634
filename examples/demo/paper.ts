import { styleText } from 'node:util'

/** How the demo writes: plain aligned text, with colours where a person sits at a terminal. */
const hasColours = process.stdout.isTTY === true && process.env.NO_COLOR === undefined

type Format = Parameters<typeof styleText>[0]

export function style(format: Format, text: string): string {
  return hasColours ? styleText(format, text) : text
}

let chapters = 0

/** A numbered heading. */
export function chapter(title: string): void {
  chapters += 1
  print(`\n${style('bold', `${chapters}  ${title}`)}`)
}

/** Indented text under the heading. */
export function say(text: string): void {
  print(
    text
      .split('\n')
      .map((line) => (line === '' ? '' : `   ${line}`))
      .join('\n'),
  )
}

/** A command that the reader can repeat. */
export function command(text: string): void {
  say(style('cyan', `$ ${text}`))
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

export function passed(isPassed: boolean): string {
  return isPassed ? style('green', 'ok    ') : style('red', 'FAILED')
}
