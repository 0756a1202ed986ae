import { readFile, writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { Verification } from '../../lambdas/runtime/evidence/verify.ts'
import { oneLine } from '../../lambdas/runtime/legible.ts'
import type { Place } from '../drill/deployment.ts'
import type { Loaded } from '../evidence/read.ts'
import type { Verb } from '../holdfast.ts'
import { placeOption, type Where, where } from '../options.ts'
import { paint, print, table } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast evidence list                        the drills of the environment that runs
  holdfast evidence show last                   one of them, check by check
  holdfast evidence verify                      its whole chain, out of the bucket, with the key from KMS
  holdfast evidence verify 0000000007.json      one file, offline
  holdfast evidence verify ./evidence --key evidence.pem --newest <sha256 that the last drill told>
  holdfast evidence report last --out drill.html

Without --key files are verified with the key inside them: that finds damage, not a forger.
The key of an environment: aws kms get-public-key --key-id alias/<name>-evidence`

type Chosen = Where & { region: Place }

/** `holdfast evidence`: lists, shows, verifies and draws what drills have proven. */
export const register: Verb = program => {
  const evidence = program
    .command('evidence')
    .description('what drills have proven: list, show, verify, report')
    .addHelpText('afterAll', EXAMPLES)
  place(evidence.command('list').description('every drill in the chain'))
    .argument('[from]', 'a folder of evidence, in place of the bucket')
    .option('--json', 'for machines')
    .action(list)
  place(evidence.command('show').description('one drill, check by check'))
    .argument('[which]', 'a place in the chain, a drill id or last', 'last')
    .option('--from <path>', 'a file or folder, in place of the bucket')
    .option('--json', 'the record as it was signed')
    .action(show)
  place(evidence.command('verify').description('hash, signature and chain; names the first broken link'))
    .argument('[from]', 'a file or folder, in place of the bucket')
    .option('--key <pem>', 'the public key that must have signed')
    .option(
      '--newest <sha256>',
      'hash of the newest record, as its drill told it: finds an end that was cut off',
    )
    .option('--json', 'for machines')
    .action(verify)
  place(evidence.command('report').description('one drill as a page'))
    .argument('[which]', 'a place in the chain, a drill id or last', 'last')
    .option('--from <path>', 'a file or folder, in place of the bucket')
    .requiredOption('--out <file>', 'where to write the page')
    .action(report)
}

function place(command: Command): Command {
  return where(command).addOption(placeOption())
}

async function load(from: string | undefined, chosen: Chosen): Promise<Loaded[]> {
  const { readBucket, readPath } = await import('../evidence/read.ts')
  if (from !== undefined) return readPath(from)
  const { openDeployment } = await import('../drill/deployment.ts')
  await using deployment = await openDeployment(chosen)
  const place = chosen.region
  const bucket = await deployment.output(place, 'EvidenceBucket')
  const region = deployment.region(place)
  const chain = `${deployment.config.name}/${region}`
  const { askKey } = await import('../evidence/ask-key.ts')
  const pin = await askKey(region, await deployment.output(place, 'EvidenceKeyArn'))
  return [{ ...(await readBucket(deployment.s3(place), bucket, region)), chain, pin }]
}

async function list(from: string | undefined, options: Chosen & { json?: boolean }): Promise<void> {
  const { recordsOf } = await import('../evidence/read.ts')
  const { summaryOf } = await import('../../lambdas/restore-drill/report/summary.ts')
  const { sayDuration, sayShare, sayTime } = await import('../../lambdas/restore-drill/report/figure.ts')
  const drills = recordsOf(await load(from, options)).map(summaryOf)
  if (options.json) return print(JSON.stringify(drills, null, 2))
  if (drills.length === 0) return print('no drill has left evidence yet')
  const rows = drills.map(drill => [
    `#${drill.sequence}`,
    drill.drill,
    sayTime(drill.endedAt),
    drill.control === null ? drill.mode : `${drill.mode}, control ${drill.control}`,
    paint(COLOURS[drill.verdict], drill.verdict),
    sayDuration(drill.rpoSeconds),
    sayDuration(drill.rtoSeconds),
    sayShare(drill.coverage),
  ])
  print(table(['', 'Drill', 'Ended', 'Mode', 'Verdict', 'RPO', 'RTO', 'Compared'], rows))
}

const COLOURS = { pass: 'green', fail: 'red', unknown: 'yellow' } as const

async function show(which: string, options: Chosen & { from?: string; json?: boolean }): Promise<void> {
  const { pick, recordsOf } = await import('../evidence/read.ts')
  const sealed = pick(recordsOf(await load(options.from, options)), which)
  if (options.json) return print(JSON.stringify(sealed, null, 2))
  const { describeEvidence } = await import('../evidence/describe.ts')
  print(describeEvidence(sealed))
}

async function verify(
  from: string | undefined,
  options: Chosen & { key?: string; newest?: string; json?: boolean },
): Promise<void> {
  const { verifyChain } = await import('../../lambdas/runtime/evidence/verify.ts')
  const chains = await load(from, options)
  const given = options.key === undefined ? undefined : await readFile(options.key, 'utf8')
  const { newest } = options
  const found = chains.map(({ files, whole, chain, covered = [], from: where, pin }) => ({
    from: where,
    ...verifyChain(files, { pin: given ?? pin, whole, chain, newest }),
    covered,
  }))
  if (found.some(chain => chain.verdict !== 'pass' || chain.covered.length > 0)) process.exitCode = 1
  print(
    options.json
      ? JSON.stringify(found, null, 2)
      : found
          .map(chain =>
            [chain.from, sayVerification(chain, chain.from), ...sayCovered(chain.covered)].join('\n'),
          )
          .join('\n\n'),
  )
}

const sayCovered = (keys: readonly string[]): string[] =>
  keys.length === 0
    ? []
    : [
        paint('red', `deleted or written over: ${oneLine(keys.join(', '))}`),
        '  what was first written there is locked, and that was read',
      ]

/** The verification in words: what holds, or the first link that does not and why. */
export function sayVerification(found: Verification, where: string): string {
  const { broken, links, fingerprint } = found
  if (links.length === 0) return paint('red', `no evidence in ${where}: nothing is proven`)
  if (broken?.broken)
    return [
      paint('red', `broken at ${oneLine(broken.name)}: ${broken.broken.why}`),
      `  ${oneLine(broken.broken.detail)}`,
      `  ${links.indexOf(broken)} of ${links.length} records before it hold`,
    ].join('\n')
  const records = links.filter(link => !link.steppedOver)
  const [count, newest] = [records.length, records.at(-1)]
  return [
    paint('green', `${count} ${count === 1 ? 'record holds' : 'records hold'}`),
    ...saySteppedOver(found),
    found.complete
      ? '  the chain is whole from its first record'
      : '  no chain was given: the records before and after were not looked at',
    `  newest: #${newest?.sequence} ${newest?.sha256}`,
    found.pinned
      ? `  signed by the key that was asked for, ${fingerprint}`
      : `  signed by ${fingerprint}, the key inside the records: give --key to know whose it is`,
  ].join('\n')
}

const saySteppedOver = ({ steppedOver }: Verification): string[] =>
  steppedOver.map(({ name, why, by }) =>
    paint('yellow', `  stepped over ${name}, which is no record: ${why}; #${by} says so`),
  )

async function report(which: string, options: Chosen & { from?: string; out: string }): Promise<void> {
  const { pick, recordsOf } = await import('../evidence/read.ts')
  const { renderReport } = await import('../../lambdas/restore-drill/report/render.ts')
  const { summaryOf } = await import('../../lambdas/restore-drill/report/summary.ts')
  const records = recordsOf(await load(options.from, options))
  const sealed = pick(records, which)
  const before = records.filter(({ evidence }) => evidence.sequence < sealed.evidence.sequence)
  await writeFile(options.out, renderReport(sealed, before.slice(-29).map(summaryOf)))
  print(options.out)
}
