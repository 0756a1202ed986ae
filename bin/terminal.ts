import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Coloured only where a person looks: on a terminal, and not under NO_COLOR. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return stream.isTTY && !process.env.NO_COLOR ? styleText(style, text, { validateStream: false }) : text
}

/**
 * Columns aligned, columns of numbers and money (`$1,234.50`, `~3`, `80%`) to the right, a rule under the head.
 * Colour codes do not count as width.
 */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map(row => row.map(cell => String(cell)))
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map(row => visible(row[column] ?? ''))),
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
  return [line(head), widths.map(width => '─'.repeat(width)).join('  '), ...cells.map(line)].join('\n')
}

function visible(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape character is what a colour begins with
  return text.replace(/\u001b\[[0-9;]*m/g, '').length
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
    this.#stream.write(this.#stream.isTTY ? `\r\u001b[2K${text}` : `${text}\n`)
  }

  done(text = this.#last): void {
    this.#stream.write(
      this.#stream.isTTY ? `\r\u001b[2K${text}\n` : `${text === this.#last ? '' : `${text}\n`}`,
    )
    this.#last = ''
  }
}
