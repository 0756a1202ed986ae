import { type Cost, estimateCost } from '../../config/cost.ts'
import { ASSUMED } from '../../config/cost-line.ts'
import { writtenEnvironment } from '../../config/environments.ts'
import { describeFault, type Fault, InvalidEnvironment } from '../../config/fault.ts'
import { readConfig } from '../../config/parse.ts'
import { PRICES_OF } from '../../config/prices.ts'
import type { EnvironmentConfig } from '../../config/schema.ts'
import { readEnvironmentFile } from '../environment-file.ts'
import type { Verb } from '../holdfast.ts'
import { paint, print, table } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast cost --env prod
  holdfast cost --env prod --json | jq .onDemand
  holdfast cost --file draft.ts`

type Options = { env: string; file?: string; json?: boolean }

/** `holdfast cost`: the monthly bill before it comes. Exit code 1 when it exceeds the budget or a price is unknown. */
export const register: Verb = program => {
  program
    .command('cost')
    .description('estimate the monthly bill: each resource, each objective, one drill')
    .option('--env <name>', 'an environment of config/', 'prod')
    .option('--file <path>', 'an environment elsewhere')
    .option('--json', 'for machines')
    .addHelpText('after', EXAMPLES)
    .action(cost)
}

async function cost(options: Options): Promise<void> {
  const input = options.file ? await readEnvironmentFile(options.file) : writtenEnvironment(options.env)
  const { config, faults } = readConfig(input)
  // A bill over budget is what one comes to look at; any other fault leaves no bill worth reading.
  const others = faults.filter(fault => fault.path !== 'budget.monthlyUsd')
  if (!config || others.length > 0) throw new InvalidEnvironment('the configuration', faults)
  const estimate = estimateCost(config)
  if (faults.length > 0) process.exitCode = 1
  print(options.json ? machine(config, estimate, faults) : bill(config, estimate, faults))
}

function machine(config: EnvironmentConfig, estimate: Cost, faults: readonly Fault[]): string {
  return JSON.stringify(
    { environment: config.name, currency: 'USD', pricesOf: PRICES_OF, assumed: ASSUMED, ...estimate, faults },
    null,
    2,
  )
}

function bill(config: EnvironmentConfig, estimate: Cost, faults: readonly Fault[]): string {
  const rows = estimate.lines.map(line => [
    line.resource,
    line.region,
    line.what,
    count(line.quantity),
    `${line.assumed ? '~' : ''}${price(line.price)}`,
    usd(line.onDemand),
    usd(line.reserved),
  ])
  const total = ['total', '', '', '', '', usd(estimate.onDemand), usd(estimate.reserved)]
  return [
    `${paint('bold', config.name)}: about ${usd(estimate.onDemand)} a month on demand, ${usd(estimate.reserved)} with one-year No Upfront reservations of the databases`,
    '',
    table(['resource', 'region', 'counted', 'quantity', 'each', 'on demand', 'reserved'], [...rows, total]),
    '',
    purposes(estimate),
    '',
    `one drill   ${usd(estimate.drill)} (a copy of ${config.database.instance} for ${ASSUMED.drillHours} hours)`,
    `budget      ${usd(config.budget.monthlyUsd)}`,
    '',
    paint('dim', footnotes()),
    ...faults.map(fault => `\n${paint('red', describeFault(fault))}`),
  ].join('\n')
}

const PURPOSES: Readonly<Record<string, string>> = {
  service: 'the database, its pool and its cache',
  'instance-loss': 'surviving the loss of an instance or a zone',
  'bad-write': 'undoing a bad write: backups and the archive',
  'region-loss': 'surviving the loss of the region: standby and copies',
  deletion: 'what nobody can delete: the locked vault and its copies',
  reads: 'read replicas',
  proof: 'drills, heartbeats and alarms',
}

function purposes(estimate: Cost): string {
  const rows = Object.entries(PURPOSES).flatMap(([purpose, what]) => {
    const amount = estimate.byPurpose[purpose as keyof typeof estimate.byPurpose]
    return amount === undefined
      ? []
      : [[what, usd(amount), `${Math.round((amount / estimate.onDemand) * 100)}%`]]
  })
  return table(['what it is paid for', 'a month', 'share'], rows)
}

function footnotes(): string {
  return [
    `List prices of ${PRICES_OF} in USD without tax; sources in config/prices.ts. Reserved prices are estimates by family.`,
    `Assumed: disks ${ASSUMED.filled * 100} % full, ${ASSUMED.changedADay * 100} % of the data changed a day, ${ASSUMED.metrics} metrics, ${ASSUMED.logGibAMonth} GiB of logs.`,
    '~ is the price of us-east-1: no source was found for this region. "budget.prices" takes what you pay.',
    'Not counted: traffic between zones and to the internet, exports, CPU credits, support.',
  ].join('\n')
}

const usd = (amount: number) =>
  `$${amount.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`
const count = (quantity: number) => quantity.toLocaleString('en-US', { maximumFractionDigits: 1 })
const price = (each: number) =>
  `$${each.toLocaleString('en-US', { maximumSignificantDigits: 4, maximumFractionDigits: 8 })}`
