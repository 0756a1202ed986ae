/** Names that PostgreSQL, S3 and a person at a keyboard may give, each with what it tries to do to its reader. */
export const HOSTILE: Readonly<Record<string, string>> = {
  'sets the title of a terminal and its colour': '\u001b]0;owned\u0007\u001b[31mred',
  'empties the screen and forges a line': '\u001b[2Jcleared\nVERDICT pass <b>x</b>',
  'overwrites the line it stands in': 'lost\rPASS',
  'is a control sequence of one character': '\u009b2J\u0085next',
  'turns the direction of writing': '\u202etxt.gnp\u202c \u2066a\u2069',
  'has parts without width': 'or\u200bde\u00adrs\u2060\ufeff',
  'ends a line by Unicode': 'a\u2028VERDICT pass\u2029b',
  'is half a character': 'half \ud800 of it',
  'hides letters in tags': 'visible\u{e0041}\u{e0042}',
  'is markup': '<img src=x onerror=alert(1)>"\'&</td><script>alert(2)</script>',
  'is a paste that runs': 'x\u007f\u0008\u001b[201~rm -rf\u001b[200~',
  'forges the colours of this tool': '\u0001[32mPASS\u0002',
}

/** All of them in one, as an error's message may carry them. */
export const ALL = Object.values(HOSTILE).join(' ')

/** Those that can be a name in PostgreSQL, whose text is UTF-8. */
export const IN_DATABASE = Object.values(HOSTILE).filter(name => name.isWellFormed())

/** What may reach a terminal, a page or a log of several lines: nothing that is obeyed or unseen. */
export const UNSEEN = /[^\P{C}\n\t]|[\u2028\u2029]|[\ufe00-\ufe0f]/u
