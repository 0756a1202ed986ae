import { randomBytes } from 'node:crypto'
import { styleText } from 'node:util'
import { legible, oneLine } from '../lambdas/runtime/legible.ts'

type Style = Parameters<typeof styleText>[0]

/**
 * Stands for ESC in what this file hands out, until it is written. No text from elsewhere can hold it, so that every
 * other control character that reaches a stream is known to be foreign, and is shown instead of obeyed.
 */
const OWN = `\u0001${randomBytes(12).toString('hex')}\u0001`
const OWN_SEQUENCE = new RegExp(`${OWN}(\\[[0-9;]*[A-Za-z])`)

/** Empties the terminal's screen, as a part of a text to `print`. */
export const CLEARED = `${OWN}[2J${OWN}[H`

/** Writes an answer and a line end to standard output. All that a command prints passes here, `--json` too. */
export function print(text = ''): void {
  write(process.stdout, `${text}\n`)
}

/** Writes an error or a warning and a line end to standard error. */
export function complain(text: string): void {
  write(process.stderr, `${text}\n`)
}

/** Writes text of several lines as it is shown: only `paint` and its like reach the terminal as controls. */
export function write(stream: NodeJS.WritableStream, text: string): void {
  stream.write(shown(text, legible))
}

function shown(text: string, show: (text: string) => string): string {
  return text
    .split(OWN_SEQUENCE)
    .map((part, index) => (index % 2 === 1 ? `\u001b${part}` : show(part)))
    .join('')
}

/** One line of a text that may be painted: what would break the line, a table or a sentence is shown instead. */
function inLine(text: string): string {
  return text.split(OWN).map(oneLine).join(OWN)
}

/** Coloured only where a person looks: on a terminal, and not under NO_COLOR. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  if (!stream.isTTY || process.env.NO_COLOR) return text
  return styleText(style, legible(text), { validateStream: false }).replaceAll('\u001b', OWN)
}

/**
 * Columns aligned, columns of numbers and money (`$1,234.50`, `~3`, `80%`) to the right, a rule under the head.
 * Colour codes do not count as width.
 */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const titles = head.map(inLine)
  const cells = rows.map(row => row.map(cell => inLine(String(cell))))
  const widths = titles.map((title, column) =>
    Math.max(visible(title), ...cells.map(row => visible(row[column] ?? ''))),
  )
  const right = head.map(
    (_, column) =>
      rows.length > 0 && cells.every(row => /^([-~]?\$?[\d,]+(\.\d+)?%?)?$/.test(row[column] ?? '')),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const pad = ' '.repeat(Math.max(0, (widths[column] ?? 0) - visible(cell)))
        return right[column] ? pad + cell : cell + pad
      })
      .join('  ')
      .trimEnd()
  return [line(titles), widths.map(width => '─'.repeat(width)).join('  '), ...cells.map(line)].join('\n')
}

function visible(text: string): number {
  return text
    .split(OWN_SEQUENCE)
    .filter((_, index) => index % 2 === 0)
    .join('').length
}

/**
 * Progress on standard error: one line rewritten on a terminal, one line a step elsewhere.
 * `done` leaves the last line standing.
 */
export class Progress {
  #last = ''
  #step = ''
  #told = 0
  readonly #stream: NodeJS.WriteStream

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream
  }

  /** `step` is what the text says without its clock: off a terminal the same step is told once a minute. */
  say(text: string, step = text): void {
    if (text === this.#last) return
    if (!this.#stream.isTTY && step === this.#step && Date.now() - this.#told < 60_000) return
    this.#step = step
    this.#told = Date.now()
    this.#last = text
    this.#write(this.#stream.isTTY ? '\r\u001b[2K' : '', text, this.#stream.isTTY ? '' : '\n')
  }

  done(text = this.#last): void {
    if (this.#stream.isTTY) this.#write('\r\u001b[2K', text, '\n')
    else if (text !== this.#last) this.#write('', text, '\n')
    this.#last = ''
  }

  #write(before: string, text: string, after: string): void {
    this.#stream.write(`${before}${shown(inLine(text), legible)}${after}`)
  }
}
