import { TAGS } from '../../lambdas/restore-drill/names.ts'
import type { Check } from '../../lambdas/runtime/verdict.ts'
import { paint, table } from '../terminal.ts'

/** Rows are `null` where only the archive could count them. */
export type Lost = {
  readonly seconds: number
  readonly transactions: number | null
  readonly rows: number | null
}

/** What the command answers, as JSON too. */
export type Restored = {
  readonly verdict: 'pass' | 'fail' | 'unknown'
  /** What the instance is called now: `name` only when it was proven. */
  readonly identifier: string
  readonly arn: string
  readonly name: string
  readonly region: string
  readonly host: string | null
  readonly port: number | null
  readonly database: string
  readonly from: string
  readonly asked: string
  /** ISO, whole seconds: what RDS was asked for. */
  readonly restoredTo: string
  /** ISO: the newest that is in the copy; `null` when nothing dates it. */
  readonly endsAt: string | null
  /** Every database of the cluster with the newest moment in it: a tail belongs to the archived one alone. */
  readonly databases: readonly {
    readonly name: string
    /** ISO; `null` when nothing dates it. */
    readonly endsAt: string | null
    /** Rows of a database that is not the archived one; `null` for that one, whose tables are compared. */
    readonly rows: number | null
  }[]
  readonly availableAfterSeconds: number
  readonly seconds: number
  readonly rpo: {
    /** ISO */
    readonly countedTo: string
    readonly withoutTail: Lost | null
    readonly withTail: Lost | null
    readonly complete: boolean
    readonly applied: { readonly transactions: number; readonly rows: number } | null
  }
  readonly checks: readonly Check[]
}

const COLOUR = { pass: 'green', fail: 'red', unknown: 'yellow', skipped: 'yellow' } as const

/** A table with the endpoint, one with what was asked, and what to do next. */
export function describeRestored(restored: Restored): string {
  const { rpo, host, port, checks } = restored
  const facts: [string, string][] = [
    ['instance', `${restored.identifier} in ${restored.region}`],
    ['endpoint', `${host}:${port}, database ${restored.database}`],
    ['restored from', `${restored.from} to ${restored.restoredTo}`],
    ...restored.databases.map(endOf),
    ['available after', `${restored.availableAfterSeconds} s, all done after ${restored.seconds} s`],
    ['loss counted to', rpo.countedTo],
    ['RPO without the tail', sayLost(rpo.withoutTail, true)],
    ...(rpo.applied
      ? ([
          ['RPO with the tail', sayLost(rpo.withTail, rpo.complete)],
          ['applied', `${rpo.applied.transactions} transactions, ${rpo.applied.rows} rows`],
        ] as [string, string][])
      : []),
  ]
  const asked = checks.map(({ name, verdict, detail }) => [
    paint(COLOUR[verdict as keyof typeof COLOUR] ?? 'green', verdict),
    name,
    detail,
  ])
  return [
    table(['what', 'is'], facts),
    '',
    table(['verdict', 'check', 'found'], asked),
    '',
    next(restored),
  ].join('\n')
}

function endOf({ name, endsAt, rows }: Restored['databases'][number]): [string, string] {
  const held = rows === null ? '' : `, ${rows} rows, no tail`
  return [`database ${name}`, `ends at ${endsAt ?? 'an unknown moment'}${held}`]
}

function sayLost(lost: Lost | null, complete: boolean): string {
  if (lost === null) return 'unknown'
  const count = (number: number | null, what: string) =>
    number === null ? `${what} unknown` : `${number} ${what}`
  return `${complete ? '' : 'at least '}${lost.seconds} s, ${count(lost.transactions, 'transactions')}, ${count(lost.rows, 'rows')}`
}

function next({ verdict, identifier, arn, name, region }: Restored): string {
  if (verdict === 'pass')
    return [
      paint('green', `${identifier} is proven, has production's groups, and is protected against deletion.`),
      'Next: take from it what was lost, or move the name `write` to it; docs/runbook.md, "Restore to a time".',
      'When it is no longer needed:',
      `  aws rds modify-db-instance --db-instance-identifier ${identifier} --no-deletion-protection --apply-immediately --region ${region}`,
      `  ${deletion(identifier, region)}`,
    ].join('\n')
  return [
    paint(verdict === 'fail' ? 'red' : 'yellow', `Not proven (${verdict}): it keeps the name ${identifier}.`),
    'Next: read what failed above. To use it all the same, closed to the functions that looked into it:',
    `  aws rds remove-tags-from-resource --resource-name ${arn} --tag-keys ${TAGS.drill} --region ${region}`,
    `  aws rds modify-db-instance --db-instance-identifier ${identifier} --new-db-instance-identifier ${name} --deletion-protection --apply-immediately --region ${region}`,
    'To delete it:',
    `  ${deletion(identifier, region)}`,
  ].join('\n')
}

const deletion = (identifier: string, region: string) =>
  `aws rds delete-db-instance --db-instance-identifier ${identifier} --skip-final-snapshot --region ${region}`

/** For whoever interrupts: nothing deletes by itself what a person asked for. */
export function sayStanding(identifier: string, name: string, region: string): string {
  return [
    `${identifier} may stand in ${region} (to become ${name}), unproven, and costs until it is deleted:`,
    `  ${deletion(identifier, region)}`,
    'RDS takes the deletion once it is available; the reaper leaves it alone.',
  ].join('\n')
}
