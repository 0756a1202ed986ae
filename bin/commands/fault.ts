import type { Command } from 'commander'
import { Refusal } from '../../lambdas/runtime/failure.ts'
import type { Injury } from '../../twin/control/fault-verbs.ts'
import type { ActiveFault, Fault, FaultEffect } from '../../twin/wire/faults.ts'
import type { Verb } from '../holdfast.ts'
import { environmentOption } from '../options.ts'
import { print, table } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast fault add throttle --service rds --operation DescribeDBInstances --times 5
  holdfast fault add fail --service s3 --operation PutObject --code SlowDown --status 503 --times 1
  holdfast fault add delay --service kms --ms 2000
  holdfast fault add lose-answer --service rds --operation RestoreDBInstanceToPointInTime --times 1
  holdfast fault add hang --service s3 --resource 'arn:aws:s3:::shop-prod-segments-*'
  holdfast fault list
  holdfast fault clear                     all of them, and the clock is put right
  holdfast fault kill-instance shop-prod   SIGKILL to its PostgreSQL
  holdfast fault kill-function RestoreDrill
  holdfast fault drop-wal shop-prod        the newest archived segment
  holdfast fault corrupt-wal shop-prod --segment 000000010000000000000007
  holdfast fault drop-object BUCKET KEY
  holdfast fault corrupt-object BUCKET KEY
  holdfast fault corrupt-page drill-shop-prod-1 --database app --relation shop.orders --page 2
  holdfast fault delay-restores 30
  holdfast fault fail-restores 1
  holdfast fault stop-replication shop-prod-read-1
  holdfast fault resume-replication shop-prod-read-1
  holdfast fault fill-disk shop-prod 190    GiB of something else than data; 0 removes it
  holdfast fault lose-region us-east-1     until: holdfast fault return-region us-east-1
  holdfast fault skew-clock 3600           an hour ahead; behind: skew-clock -- -3600`

type Common = { env?: string; json?: boolean }

type Make = (...given: string[]) => Injury

// What happens at once, to one thing that is named.
const INJURIES: readonly (readonly [usage: string, description: string, make: Make])[] = [
  [
    'kill-instance <instance>',
    'SIGKILL to the PostgreSQL of an instance',
    (instance = '') => ({ kind: 'kill-instance', instance }),
  ],
  [
    'kill-function <name>',
    'SIGKILL to the running processes of a function',
    (name = '') => ({ kind: 'kill-function', name }),
  ],
  [
    'stop-replication <instance>',
    'a replica stays as it is and falls behind',
    (instance = '') => ({ kind: 'stop-replication', instance }),
  ],
  [
    'resume-replication <instance>',
    'the replica catches up',
    (instance = '') => ({ kind: 'resume-replication', instance }),
  ],
  [
    'fill-disk <instance> <gib>',
    'so much of its disk is taken by something else than data; 0 removes it',
    (instance = '', gib = '') => ({ kind: 'fill-disk', instance, gib: numberOf(gib, 0) }),
  ],
  [
    'drop-object <bucket> <key>',
    'an object vanishes with all its versions, lock or no lock',
    (bucket = '', key = '') => ({ kind: 'drop-object', bucket, key }),
  ],
  [
    'corrupt-object <bucket> <key>',
    'flip a byte of an object',
    (bucket = '', key = '') => ({ kind: 'corrupt-object', bucket, key }),
  ],
  [
    'delay-restores <seconds>',
    'every restore waits; 0 ends it',
    seconds => ({ kind: 'delay-restores', seconds: numberOf(seconds, 0) }),
  ],
  [
    'fail-restores <count>',
    'the next restores end as incompatible-restore',
    count => ({ kind: 'fail-restores', count: numberOf(count, 0) }),
  ],
  [
    'lose-region <region>',
    'nothing answers in a region any more, and its databases die',
    (region = '') => ({ kind: 'lose-region', region }),
  ],
  ['return-region <region>', 'the region is back', (region = '') => ({ kind: 'return-region', region })],
  [
    'skew-clock <seconds>',
    "the twin's clock is ahead by so much, or behind by a negative number; 0 puts it right",
    seconds => ({ kind: 'skew-clock', seconds: numberOf(seconds) }),
  ],
]

/** `holdfast fault`: makes a running twin fail in chosen ways. */
export const register: Verb = program => {
  const fault = program
    .command('fault')
    .description('make the twin fail: throttle, delay, kill, drop, corrupt, lose a region, skew the clock')
    .addHelpText('afterAll', EXAMPLES)
  registerCalls(fault)
  for (const [usage, description, injury] of INJURIES)
    common(fault.command(usage))
      .description(description)
      .action(async (...given: unknown[]) => {
        const names = given.filter(value => typeof value === 'string')
        await injure(given.at(-2) as Common, injury(...names))
      })
  registerDetailed(fault)
}

function common(command: Command): Command {
  return command.addOption(environmentOption()).option('--json', 'for machines')
}

// Those that take options of their own.
function registerDetailed(fault: Command): void {
  for (const kind of ['drop-wal', 'corrupt-wal'] as const)
    common(fault.command(`${kind} <instance>`))
      .description(`${kind === 'drop-wal' ? 'remove' : 'flip bytes of'} an archived WAL segment`)
      .option('--segment <name>', 'an archived segment, instead of the newest')
      .action((instance: string, options: Common & { segment?: string }) =>
        injure(options, { kind, instance, ...(options.segment ? { segment: options.segment } : {}) }),
      )
  common(fault.command('corrupt-page <instance>'))
    .description('flip bytes in a page of a relation, behind the back of PostgreSQL')
    .requiredOption('--database <name>', 'the database')
    .requiredOption('--relation <name>', 'a table or an index, with its schema')
    .option('--page <number>', 'which page, counted from 0', '0')
    .action((instance: string, options: Common & { database: string; relation: string; page: string }) =>
      injure(options, {
        kind: 'corrupt-page',
        instance,
        database: options.database,
        relation: options.relation,
        page: numberOf(options.page, 0),
      }),
    )
}

type Added = Common & {
  service?: string
  operation?: string
  resource?: string
  region?: string
  times?: string
  ms?: string
  code?: string
  status?: string
  message?: string
}

function registerCalls(fault: Command): void {
  common(fault.command('add <effect>'))
    .description('throttle, fail, delay, lose-answer or hang: what happens to the calls that match')
    .option('--service <name>', 'signing name: rds, s3, lambda, kms …')
    .option('--operation <name>', 'as the API says it; * matches any text')
    .option('--resource <arn>', 'an ARN with *')
    .option('--region <name>')
    .option('--times <count>', 'how many calls; without it, until cleared')
    .option('--ms <milliseconds>', 'how long a delay is', '1000')
    .option('--code <code>', 'what a failure is called')
    .option('--status <number>', "a failure's HTTP status")
    .option('--message <text>', "a failure's message")
    .action(add)
  common(fault.command('list')).description('the faults that wait for calls').action(list)
  common(fault.command('clear [id]'))
    .description('end one fault, or all')
    .action(async (id: string | undefined, options: Common) => {
      await ask(options, 'fault-clear', { id })
      print(options.json ? '{}' : id === undefined ? 'no fault is left' : `${id} is over`)
    })
}

async function add(effect: string, options: Added): Promise<void> {
  const { service, operation, resource, region, times } = options
  const fault: Fault = {
    ...(service ? { service } : {}),
    ...(operation ? { operation } : {}),
    ...(resource ? { resource } : {}),
    ...(region ? { region } : {}),
    ...(times ? { times: numberOf(times) } : {}),
    effect: effectOf(effect, options),
  }
  const added = await ask<{ id: string }>(options, 'fault-add', fault)
  print(
    options.json
      ? JSON.stringify(added)
      : `${added.id}: ${effect} ${service ?? 'every service'}:${operation ?? '*'} in ${region ?? 'every region'}, ${times ? `${times} ${times === '1' ? 'time' : 'times'}` : `until holdfast fault clear ${added.id}`}`,
  )
}

function effectOf(kind: string, options: Added): FaultEffect {
  if (kind === 'throttle' || kind === 'lose-answer' || kind === 'hang') return { kind }
  if (kind === 'delay') return { kind, ms: numberOf(options.ms, 0) }
  if (kind === 'fail')
    return {
      kind,
      ...(options.code ? { code: options.code } : {}),
      ...(options.status ? { status: numberOf(options.status, 400, 599) } : {}),
      ...(options.message ? { message: options.message } : {}),
    }
  throw new Refusal(
    'UnknownEffect',
    `there is no effect ${kind}`,
    'use throttle, fail, delay, lose-answer or hang',
  )
}

async function list(options: Common): Promise<void> {
  const faults = await ask<ActiveFault[]>(options, 'fault-list')
  if (options.json) return print(JSON.stringify(faults, null, 2))
  if (faults.length === 0) return print('no fault waits')
  print(
    table(
      ['fault', 'effect', 'calls', 'touched', 'of'],
      faults.map(({ id, effect, service = '*', operation = '*', region = '*', touched, times }) => [
        id,
        effect.kind,
        `${service}:${operation} in ${region}`,
        touched,
        times ?? 'all',
      ]),
    ),
  )
}

async function injure(options: Common, injury: Injury): Promise<void> {
  const done = await ask<string>(options, 'injure', injury)
  print(options.json ? JSON.stringify({ done }) : done)
}

async function ask<T>(options: Common, verb: string, input: unknown = {}): Promise<T> {
  const { requireTwin } = await import('../target.ts')
  const { askTwin } = await import('../twin-process.ts')
  return askTwin<T>(requireTwin(options.env), verb, input)
}

function numberOf(text: string | undefined, least = -Infinity, most = Infinity): number {
  const value = Number(text)
  if (text === undefined || text.trim() === '' || !Number.isFinite(value))
    throw new Refusal('NotANumber', `"${text}" is not a number`, 'give a number, like 5')
  if (value < least || value > most)
    throw new Refusal(
      'OutOfRange',
      `${value} is ${value < least ? 'less' : 'more'} than is possible`,
      `give a number from ${least}${most === Infinity ? '' : ` to ${most}`}`,
    )
  return value
}
