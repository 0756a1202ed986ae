import { extensionOf } from './left-out.ts'

/** A statement that PostgreSQL refused. */
export type Refuse = {
  /** SQLSTATE; empty for what was refused before PostgreSQL saw it. */
  readonly code: string
  /** How the statement begins. */
  readonly head: string
  readonly encoding: string
  /** Of the server that was dumped, where the dump says it. */
  readonly version: string | undefined
  /** Of the server that it is loaded into, e.g. `18.4`. */
  readonly server: string
  /** True for what pg_dump wrote, as its frame says. */
  readonly isFramed: boolean
}

type Step = { readonly is: (refused: Refuse) => boolean; readonly step: (refused: Refuse) => string }

const coded =
  (...codes: string[]) =>
  ({ code }: Refuse) =>
    codes.includes(code)

/** The step after each kind of refusal; the first that fits is told. */
const STEPS: readonly Step[] = [
  {
    is: ({ code, head }) => extensionOf(head) !== undefined && code === '42501',
    step: ({ head }) =>
      `RDS keeps it from its master user, too: pg_dump --exclude-extension=${extensionOf(head)}`,
  },
  {
    is: ({ code, head }) => extensionOf(head) !== undefined && ['0A000', '58P01'].includes(code),
    step: ({ head }) =>
      `the twin lacks the extension ${extensionOf(head)}: make the dump without what needs it, e.g. pg_dump --exclude-extension=${extensionOf(head)} and -T or -N for its tables`,
  },
  {
    is: coded('22021', '22P05'),
    step: ({ encoding }) =>
      `its bytes are not ${encoding}: make the dump with pg_dump -E UTF8, or say its encoding in the first line, e.g. set client_encoding = 'LATIN1';`,
  },
  {
    is: ({ code, head }) => code.startsWith('42') && /\b(holdfast|rehearsal)\b/i.test(head) && isThere(code),
    step: () =>
      'the environment has a schema of its own by that name: make the dump without it, pg_dump -N holdfast -N rehearsal',
  },
  {
    is: ({ code }) => isThere(code),
    step: () => 'the twin holds an earlier load: holdfast reset, then load again',
  },
  {
    is: coded('53200'),
    step: () => 'raise max_locks_per_transaction: the load is one transaction, with a lock for each table',
  },
  {
    is: coded('25001'),
    step: () => 'the load is one transaction: make the statement one that may run in it (no CONCURRENTLY)',
  },
  { is: coded('42501'), step: () => 'RDS keeps it from its master user, too: make the dump without it' },
  {
    is: ({ code, isFramed }) => code === '42601' && !isFramed,
    step: () => 'this is not a PostgreSQL dump, or not a whole one: make one with pg_dump',
  },
  {
    is: ({ version, server }) => majorOf(version) > majorOf(server),
    step: ({ version }) =>
      `the dump is of PostgreSQL ${version}: give the environment that engineVersion, or correct the statement`,
  },
  {
    is: ({ version, server }) => version !== undefined && majorOf(version) < majorOf(server),
    step: ({ version, server }) =>
      `the dump is of PostgreSQL ${version}: make it with pg_dump of PostgreSQL ${majorOf(server)}, which reads older servers, or correct the statement`,
  },
  {
    is: ({ code, head }) => code === '42704' && /\scollate\s|^create\s+collation\s/i.test(head),
    step: () =>
      'this machine lacks the locale, as RDS does not: rehearse where it is installed, or without the collation',
  },
]

/** The major version of `18.4`; 0 for none. */
function majorOf(version: string | undefined): number {
  return Number.parseInt(version ?? '0', 10)
}

function isThere(code: string): boolean {
  return ['42P06', '42P07', '42710', '42723'].includes(code)
}

/** One step that helps. */
export function hintFor(refused: Refuse): string {
  return STEPS.find(({ is }) => is(refused))?.step(refused) ?? 'correct the statement, or make the dump again'
}
