import type { Command } from 'commander'
import { Refusal } from '../../lambdas/runtime/failure.ts'
import type { Injury } from '../../twin/control/fault-verbs.ts'
import type { ActiveFault, Fault, FaultEffect } from '../../twin/wire/faults.ts'
import type { Verb } from '../holdfast.ts'
import { table } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast fault add throttle --service rds --operation DescribeDBInstances --times 5
  holdfast fault add fail --service s3 --operation PutObject --code SlowDown --status 503 --times 1
  holdfast fault add delay --service kms --ms 2000
  holdfast fault add lose-answer --service rds --operation RestoreDBInstanceToPointInTime --times 1
  holdfast fault list
  holdfast fault clear                     all of them, and the clock is put right
  holdfast fault kill-instance shop-prod   SIGKILL to its PostgreSQL
  holdfast fault kill-function RestoreDrill
  holdfast fault drop-wal shop-prod
  holdfast fault corrupt-object BUCKET KEY
  holdfast fault corrupt-page drill-shop-prod-1 --database app --relation shop.orders
  holdfast fault stop-replication shop-prod-read-1
  holdfast fault lose-region us-east-1     until: holdfast fault return-region us-east-1
  holdfast fault skew-clock -- -600`

type Common = { env?: string; json?: boolean }

/** `holdfast fault`: makes a running twin fail in chosen ways. */
export const register: Verb = program => {
  const fault = program
    .command('fault')
    .description('make the twin fail: throttle, delay, kill, drop, corrupt, lose a region, skew the clock')
    .addHelpText('after', EXAMPLES)
  registerCalls(fault)
  const injuries: Record<string, (...given: string[]) => Injury> = {
    'kill-instance <instance>': (instance = '') => ({ kind: 'kill-instance', instance }),
    'kill-function <name>': (name = '') => ({ kind: 'kill-function', name }),
    'stop-replication <instance>': (instance = '') => ({ kind: 'stop-replication', instance }),
    'resume-replication <instance>': (instance = '') => ({ kind: 'resume-replication', instance }),
    'drop-object <bucket> <key>': (bucket = '', key = '') => ({ kind: 'drop-object', bucket, key }),
    'corrupt-object <bucket> <key>': (bucket = '', key = '') => ({ kind: 'corrupt-object', bucket, key }),
    'delay-restores <seconds>': seconds => ({ kind: 'delay-restores', seconds: numberOf(seconds) }),
    'fail-restores <count>': count => ({ kind: 'fail-restores', count: numberOf(count) }),
    'lose-region <region>': (region = '') => ({ kind: 'lose-region', region }),
    'return-region <region>': (region = '') => ({ kind: 'return-region', region }),
    'skew-clock <seconds>': seconds => ({ kind: 'skew-clock', seconds: numberOf(seconds) }),
  }
  for (const [usage, injury] of Object.entries(injuries))
    common(fault.command(usage)).action(async (...given: unknown[]) => {
      const names = given.filter(value => typeof value === 'string')
      await injure(given.at(-2) as Common, injury(...names))
    })
  registerDetailed(fault)
}

function common(command: Command): Command {
  return command.option('--env <name>', 'the environment').option('--json', 'for machines')
}

// Those that take options of their own.
function registerDetailed(fault: Command): void {
  for (const kind of ['drop-wal', 'corrupt-wal'] as const)
    common(fault.command(`${kind} <instance>`))
      .option('--segment <name>', 'an archived segment, instead of the newest')
      .action((instance: string, options: Common & { segment?: string }) =>
        injure(options, { kind, instance, ...(options.segment ? { segment: options.segment } : {}) }),
      )
  common(fault.command('corrupt-page <instance>'))
    .requiredOption('--database <name>', 'the database')
    .requiredOption('--relation <name>', 'a table or an index, with its schema')
    .option('--page <number>', 'which page, counted from 0', '0')
    .action((instance: string, options: Common & { database: string; relation: string; page: string }) =>
      injure(options, {
        kind: 'corrupt-page',
        instance,
        database: options.database,
        relation: options.relation,
        page: numberOf(options.page),
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
      console.log(options.json ? '{}' : id === undefined ? 'no fault is left' : `${id} is over`)
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
  console.log(options.json ? JSON.stringify(added) : `${added.id} waits for its calls`)
}

function effectOf(kind: string, options: Added): FaultEffect {
  if (kind === 'throttle' || kind === 'lose-answer' || kind === 'hang') return { kind }
  if (kind === 'delay') return { kind, ms: numberOf(options.ms) }
  if (kind === 'fail')
    return {
      kind,
      ...(options.code ? { code: options.code } : {}),
      ...(options.status ? { status: numberOf(options.status) } : {}),
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
  if (options.json) return console.log(JSON.stringify(faults, null, 2))
  if (faults.length === 0) return console.log('no fault waits')
  console.log(
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
  console.log(options.json ? JSON.stringify({ done }) : done)
}

async function ask<T>(options: Common, verb: string, input: unknown = {}): Promise<T> {
  const { requireTwin } = await import('../target.ts')
  const { askTwin } = await import('../twin-process.ts')
  return askTwin<T>(requireTwin(options.env), verb, input)
}

function numberOf(text: string | undefined): number {
  const value = Number(text)
  if (text === undefined || !Number.isFinite(value))
    throw new Refusal('NotANumber', `"${text}" is not a number`, 'give a number, like 5')
  return value
}
