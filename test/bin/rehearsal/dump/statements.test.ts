import { expect, test } from '@jest/globals'
import { NotText, Source, UnendedCopy } from '../../../../bin/rehearsal/scenario/dump/source.ts'
import { Statements } from '../../../../bin/rehearsal/scenario/dump/statements.ts'

type Read = { readonly pieces: string[]; readonly comments: string[] }

/** Cuts the text as it arrives in chunks of `size` bytes; rows of a COPY stand behind it in brackets. */
async function cut(
  text: string | Buffer,
  size: number,
  encoding = 'UTF8',
  standardStrings = true,
): Promise<Read> {
  const bytes = Buffer.from(text)
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  }
  const read: Read = { pieces: [], comments: [] }
  const source = new Source(chunks())
  const statements = new Statements(source, { standardStrings, encoding }, comment =>
    read.comments.push(comment),
  )
  for (let piece = await statements.next(); piece; piece = await statements.next()) {
    const sql = Buffer.concat(piece.parts).toString('latin1').trim()
    let rows = ''
    if (/^copy/i.test(sql)) for await (const part of source.rows()) rows += part.toString('latin1')
    const notes = [piece.kind === 'meta' ? 'meta' : '', piece.isInside ? 'inside' : '', piece.unended ?? '']
    read.pieces.push(
      `${piece.line}${notes
        .filter(Boolean)
        .map(note => ` ${note}`)
        .join('')}: ${sql}${rows && `[${rows}]`}`,
    )
  }
  return read
}

const SIZES = [1, 2, 3, 5, 7, 1_000]

test.each<[string, string, string[]]>([
  ['semicolons in quotes', `a 'x;''y' "z;"; b`, [`1: a 'x;''y' "z;"`, '1 bare: b']],
  [
    'quotes with escapes',
    `a E'it''s \\'; x'; b e'\\\\'; c`,
    [`1: a E'it''s \\'; x'`, `1: b e'\\\\'`, '1 bare: c'],
  ],
  ['a word that ends in e is no escape', `a type'\\'; b;`, [`1: a type'\\'`, '1: b']],
  ['an escaping quote that goes on after a line', `a E'x'\n '\\';'; b;`, [`1: a E'x'\n '\\';'`, '2: b']],
  ['dollar quotes', 'a $q$ ; $$ $q$; b $1; c x$y$;', ['1: a $q$ ; $$ $q$', '1: b $1', '1: c x$y$']],
  [
    'comments',
    '/* a /* ; */ ; */ a /* ; */ x -- ; it\n, y; -- z\nb;',
    ['1: a /* ; */ x -- ; it\n, y', '3: b'],
  ],
  ['rules', 'create rule r as (a; b); c;', ['1: create rule r as (a; b)', '1: c']],
  [
    'bodies without quotes',
    'create function f() begin atomic select case when 1 then 2 end; select 3; end; b;',
    ['1: create function f() begin atomic select case when 1 then 2 end; select 3; end', '1: b'],
  ],
  ['a BEGIN of its own', 'begin; a; end;', ['1: begin', '1: a', '1: end']],
  [
    'bare returns and other line ends inside',
    "a 'x\ry\r\nz\u2028';\nb;",
    ["1: a 'x\ry\r\nz\u00e2\u0080\u00a8'", '3: b'],
  ],
  [
    'rows, and what stands behind their statement',
    'copy t from stdin; b;\n1;\n\\.x\n\\N\\.\n\\.\nc;\n',
    ['1: copy t from stdin[1;\n\\.x\n\\N\\.\n]', '5: b', '6: c'],
  ],
  [
    'no rows',
    'copy t from stdin;\n\\.\ncopy u from stdin;\r\na\r\n\\.\r\nb;',
    ['1: copy t from stdin', '3: copy u from stdin[a\r\n]', '6: b'],
  ],
  [
    'psql commands',
    '\\restrict x\na \\gexec\nb;',
    ['1 meta: \\restrict x', '2 meta inside: \\gexec', '2: a \\gexec\nb'],
  ],
  ['a half statement', 'a;\nb (x', ['1: a', '2 open: b (x']],
  ['a half literal', "a 'x;\n", ["1 open: a 'x;"]],
])('cuts at the same places whatever the chunks are: %s', async (_, text, wanted) => {
  for (const size of SIZES) expect((await cut(text, size)).pieces).toEqual(wanted)
})

test('reads backslashes of plain literals as the session does', async () => {
  expect((await cut(`a 'it\\'s;'; b;`, 3, 'UTF8', false)).pieces).toEqual([`1: a 'it\\'s;'`, '1: b'])
})

test('takes no second byte of a character for a backslash', async () => {
  // In Shift-JIS the character is 0x95 0x5c.
  const bytes = Buffer.from([0x61, 0x20, 0x45, 0x27, 0x95, 0x5c, 0x27, 0x3b, 0x62, 0x3b])
  for (const size of SIZES)
    expect((await cut(bytes, size, 'SJIS')).pieces).toEqual([`1: a E'\x95\x5c'`, '1: b'])
})

test('hears comments between statements, not those in rows or literals', async () => {
  const text = "-- one\na '\n-- no\n';\ncopy t from stdin;\n-- no\n\\.\n-- two\r\n"
  expect((await cut(text, 4)).comments).toEqual(['-- one', '-- two'])
})

test('passes over the mark that an editor put before the text', async () => {
  expect((await cut('\ufeffa;', 1_000)).pieces).toEqual(['1: a'])
})

test('refuses a zero byte, and rows without an end', async () => {
  await expect(cut('a;\0', 10)).rejects.toThrow(NotText)
  await expect(cut('copy t from stdin;\n1\n', 10)).rejects.toThrow(UnendedCopy)
})
