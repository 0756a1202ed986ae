import type { BackupReport } from '../../lambdas/backup-verification/request.ts'
import type { Verb } from '../holdfast.ts'
import { type Where, where } from '../options.ts'
import { paint, print, table } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast verify-backups
  holdfast verify-backups --env prod --target aws --json

Exit code 0 only when every check passed: a question without an answer fails.`

/** `holdfast verify-backups`: asks the deployed function, as its schedule does every day. */
export const register: Verb = program => {
  where(program.command('verify-backups'))
    .description('every backup of both regions: there, young, encrypted, locked, replicated')
    .option('--json', 'for machines')
    .addHelpText('after', EXAMPLES)
    .action(verifyBackups)
}

async function verifyBackups(options: Where & { json?: boolean }): Promise<void> {
  const { openDeployment } = await import('../drill/deployment.ts')
  const { invokeFunction } = await import('../drill/invoke.ts')
  await using deployment = await openDeployment(options)
  const arn = await deployment.output('home', 'BackupVerificationArn')
  const report = await invokeFunction<BackupReport>(deployment.lambda('home'), arn, {})
  process.exitCode = report.verdict === 'pass' ? 0 : 1
  print(options.json ? JSON.stringify(report, null, 2) : describeReport(report))
}

const COLOURS = {
  pass: 'green',
  fail: 'red',
  unknown: 'yellow',
  skipped: 'gray',
  explained: 'cyan',
  acknowledged: 'cyan',
} as const

/** The report as a table, what did not pass at its end, and the verdict. */
function describeReport({ verdict, checks }: BackupReport): string {
  const passed = checks.filter(check => check.verdict === 'pass')
  const others = checks.filter(check => check.verdict !== 'pass')
  const rows = [...passed, ...others].map(check => [
    check.region,
    check.subject,
    check.name,
    paint(COLOURS[check.verdict], check.verdict),
    check.detail.split('\n')[0] ?? '',
  ])
  return `${table(['Region', 'Of', 'Check', '', 'Found'], rows)}\n\n${paint(['bold', COLOURS[verdict]], verdict.toUpperCase())}  ${passed.length} of ${checks.length} checks passed`
}
