import { Option } from 'commander'
import type { Severity } from '../../lib/alarms/row.ts'
import type { Verb } from '../holdfast.ts'
import { type Where, where } from '../options.ts'
import type { Route } from '../status/page-test.ts'
import { paint, print, table } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast page-test --env prod                    a page and a warning in each region that is watched, on the twin if one runs
  holdfast page-test --env prod --target aws
  holdfast page-test --severity page --json

Sends what an alarm would send, marked as a test, through every topic. Exit code 1 when a topic has no confirmed
subscription or its region does not answer: then nobody would have heard.`

type Options = Where & { severity?: Severity; json?: boolean }

/** `holdfast page-test`: one message through each route. */
export const register: Verb = program => {
  where(program.command('page-test'))
    .description('send one test message through each paging route')
    .addOption(new Option('--severity <severity>', 'left out, both').choices(['page', 'warn']))
    .option('--json', 'for machines')
    .addHelpText('after', EXAMPLES)
    .action(testPages)
}

async function testPages(options: Options): Promise<void> {
  const { Refusal } = await import('../../lambdas/runtime/failure.ts')
  const { severity } = options
  const { openDeployment } = await import('../drill/deployment.ts')
  const { sendTests } = await import('../status/page-test.ts')
  await using deployment = await openDeployment(options)
  const { config } = deployment
  const { routes, unwatched } = await sendTests(
    config,
    severity === undefined ? ['page', 'warn'] : [severity],
  )
  if (options.json) print(JSON.stringify({ routes, unwatched }, null, 2))
  else
    print(
      [
        table(
          ['topic', 'region', 'message', 'reaches'],
          routes.map(route => [route.topic, route.region, route.messageId ?? '', reached(route)]),
        ),
        ...unwatched.map(region => `${region} has no topics: nothing of the database is kept there`),
      ].join('\n\n'),
    )
  const silent = routes.filter(({ reaches }) => reaches.length === 0)
  if (silent.length === 0) return
  throw new Refusal(
    'NobodyListens',
    silent
      .map(({ topic, region, silence }) => `${topic} in ${region}: ${silence ?? 'no confirmed subscription'}`)
      .join('; '),
    silent.every(({ silence }) => silence !== undefined)
      ? 'the region does not answer; what the other one said stands'
      : `set paging.pagerSecret, paging.email or paging.slack in config/${config.environment}.ts, deploy, and confirm what arrives`,
  )
}

function reached({ reaches, silence }: Route): string {
  if (silence !== undefined) return paint('red', `no answer (${silence})`)
  return reaches.length === 0 ? paint('red', 'nobody') : reaches.join(', ')
}
