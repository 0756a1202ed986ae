import type { BackupReport } from '../../lambdas/backup-verification/request.ts'
import type { Verb } from '../holdfast.ts'
import { paint, table } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast verify-backups
  holdfast verify-backups --env prod --target aws --json

Exit code 0 only when every check passed: a question without an answer fails.`

/** `holdfast verify-backups`: asks the deployed function, as its schedule does every day. */
export const register: Verb = program => {
  program
    .command('verify-backups')
    .description('every backup of both regions: there, young, encrypted, locked, replicated')
    .option('--env <name>', 'the environment')
    .option('--target <target>', 'twin or aws')
    .option('--json', 'for machines')
    .addHelpText('after', EXAMPLES)
    .action(verifyBackups)
}

async function verifyBackups(options: { env?: string; target?: string; json?: boolean }): Promise<void> {
  const { openDeployment } = await import('../drill/deployment.ts')
  const { invokeFunction } = await import('../drill/invoke.ts')
  await using deployment = await openDeployment(options)
  const arn = await deployment.output('home', 'BackupVerificationArn')
  const report = await invokeFunction<BackupReport>(deployment.lambda('home'), arn, {})
  process.exitCode = report.verdict === 'pass' ? 0 : 1
  console.log(options.json ? JSON.stringify(report, null, 2) : describeReport(report))
}

const COLOURS = {
  pass: 'green',
  fail: 'red',
  unknown: 'yellow',
  skipped: 'gray',
  explained: 'cyan',
  acknowledged: 'cyan',
} as const

/** The report as a table, and its verdict. */
export function describeReport({ verdict, checks }: BackupReport): string {
  const rows = checks.map(check => [
    check.region,
    check.subject,
    check.name,
    paint(COLOURS[check.verdict], check.verdict),
    check.detail.split('\n')[0] ?? '',
  ])
  const passed = checks.filter(check => check.verdict === 'pass').length
  return `${table(['Region', 'Of', 'Check', '', 'Found'], rows)}\n\n${paint(['bold', COLOURS[verdict]], verdict.toUpperCase())}  ${passed} of ${checks.length} checks passed`
}
