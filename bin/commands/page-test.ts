import type { Verb } from '../holdfast.ts'
import { paint, table } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast page-test --env prod                    a page and a warning in both regions, on the twin if one runs
  holdfast page-test --env prod --target aws
  holdfast page-test --severity page --json

Sends what an alarm would send, marked as a test, through every topic. Exit code 1 when a topic has no confirmed
subscription: then nobody would have heard.`

type Options = { env?: string; target?: string; severity?: string; json?: boolean }

/** `holdfast page-test`: one message through each route. */
export const register: Verb = program => {
  program
    .command('page-test')
    .description('send one test message through each paging route')
    .option('--env <name>', 'the environment')
    .option('--target <target>', 'twin or aws; a running twin when there is one')
    .option('--severity <severity>', 'page or warn; both when left out')
    .option('--json', 'for machines')
    .addHelpText('after', EXAMPLES)
    .action(testPages)
}

async function testPages(options: Options): Promise<void> {
  const { Refusal } = await import('../../lambdas/runtime/failure.ts')
  const { severity } = options
  if (severity !== undefined && severity !== 'page' && severity !== 'warn')
    throw new Refusal(
      'UnknownSeverity',
      `there is no severity ${severity}`,
      'use --severity page or --severity warn',
    )
  const { openDeployment } = await import('../drill/deployment.ts')
  const { sendTest } = await import('../status/page-test.ts')
  await using deployment = await openDeployment(options)
  const { config } = deployment
  const severities: readonly ('page' | 'warn')[] = severity === undefined ? ['page', 'warn'] : [severity]
  const routes = await Promise.all(
    [config.region, config.standbyRegion].flatMap(region =>
      severities.map(one => sendTest(config, region, one)),
    ),
  )
  if (options.json) console.log(JSON.stringify(routes, null, 2))
  else
    console.log(
      table(
        ['topic', 'region', 'message', 'reaches'],
        routes.map(({ topic, region, messageId, reaches }) => [
          topic,
          region,
          messageId,
          reaches.length === 0 ? paint('red', 'nobody') : reaches.join(', '),
        ]),
      ),
    )
  const silent = routes.filter(route => route.reaches.length === 0)
  if (silent.length === 0) return
  throw new Refusal(
    'NobodyListens',
    `${silent.map(({ topic, region }) => `${topic} in ${region}`).join(', ')}: no confirmed subscription`,
    `set paging.pagerSecret, paging.email or paging.slack in config/${config.environment}.ts, deploy, and confirm what arrives`,
  )
}
