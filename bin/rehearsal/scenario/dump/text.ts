import type { Lexing, Piece } from './statements.ts'

/** A statement's beginning is read as text up to here; what is longer is data. */
const HEAD_BYTES = 65_536
const SHOWN = 100

/** How a piece begins, a character a byte, so that nothing of it changes when it is sent. */
export function headOf({ parts }: Piece): string {
  let head = ''
  for (const part of parts) {
    head += part.toString('latin1', 0, HEAD_BYTES - head.length)
    if (head.length >= HEAD_BYTES) break
  }
  return head.trim()
}

export function isInsert({ parts }: Piece): boolean {
  return /^insert\s/i.test(parts[0]?.toString('latin1', 0, 7) ?? '')
}

/** The first line, decoded and short. What a terminal would obey in it is shown where it is printed. */
export function firstLine(head: string, { encoding }: Lexing): string {
  const line = head.split('\n')[0] ?? ''
  const isLatin = /^latin1$/i.test(encoding)
  const text = isLatin ? line : Buffer.from(line, 'latin1').toString('utf8')
  return text.slice(0, SHOWN)
}
