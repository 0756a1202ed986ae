import type { Command } from 'commander'
import type { Archive, Stored } from '../../lambdas/runtime/segment/store.ts'
import type { Verb } from '../holdfast.ts'
import { Progress, paint, table } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast archive list                         the segments, oldest first
  holdfast archive show last                    one segment's header
  holdfast archive verify                       read every byte back: order, hashes, gaps, decoding
  holdfast archive verify --region standby      the same for the copy in the other region
  holdfast archive cat --from 0/1A2B3C8         every change from there on, a line of JSON each
  holdfast archive cat --from 2026-11-20T09:00Z --to 2026-11-20T09:05Z --table public.orders
  holdfast archive list --bucket my-segments --target aws`

type Where = { env?: string; target?: string; region?: 'home' | 'standby'; bucket?: string; json?: boolean }
type Range = Where & { from?: string; to?: string; table?: string; database?: string }

/** `holdfast archive`: lists, shows, verifies and prints what the archive holds, without the database. */
export const register: Verb = program => {
  const archive = program
    .command('archive')
    .description('the change archive: list, show, verify, cat')
    .addHelpText('after', EXAMPLES)
  place(archive.command('list').description('every segment: where it begins and ends, what it holds'))
    .option('--json', 'for machines')
    .action(list)
  place(archive.command('show').description("one segment's header"))
    .argument('[which]', 'a key, a part of one, first or last', 'last')
    .action(show)
  place(
    archive
      .command('verify')
      .description('read it all back; names each damaged, missing or misplaced segment'),
  )
    .option('--json', 'for machines')
    .action(verify)
  place(archive.command('cat').description('the changes themselves, a line of JSON each, in commit order'))
    .option('--from <position>', 'a log position like 1A/2B3C4D50, or an ISO time')
    .option('--to <position>', 'the first position or time that is left out')
    .option('--table <name>', 'only this table, as schema.name')
    .option('--database <system identifier>', 'only this database’s history')
    .action(cat)
}

function place(command: Command): Command {
  return command
    .option('--env <name>', 'the environment')
    .option('--target <target>', 'twin or aws')
    .option('--region <place>', 'home or standby', 'home')
    .option('--bucket <name>', 'another bucket than the environment’s')
}

async function withArchive<T>(where: Where, work: (archive: Archive) => Promise<T>): Promise<T> {
  const { openDeployment } = await import('../drill/deployment.ts')
  await using deployment = await openDeployment(where)
  const place = where.region ?? 'home'
  const bucket = where.bucket ?? (await deployment.output(place, 'SegmentsBucket'))
  return await work({ s3: deployment.s3(place), bucket })
}

async function headers(archive: Archive): Promise<Stored[]> {
  const { listSegments, readHeader } = await import('../../lambdas/runtime/segment/store.ts')
  const keys: string[] = []
  for await (const { key } of listSegments(archive)) keys.push(key)
  const found: Stored[] = []
  // A month is forty thousand objects: a few dozen at a time.
  for (let at = 0; at < keys.length; at += 32)
    found.push(...(await Promise.all(keys.slice(at, at + 32).map(key => readHeader(archive, key)))))
  return found
}

async function list(options: Where): Promise<void> {
  const found = await withArchive(options, headers)
  if (options.json)
    return console.log(
      JSON.stringify(
        found.map(stored => ({ key: stored.key, ...stored.header })),
        null,
        2,
      ),
    )
  const rows = found.map(({ header, objectBytes }) => [
    header.kind === 'gap' ? `${header.kind} ${header.gap?.cause}` : header.kind,
    header.timeline,
    header.start,
    header.end,
    header.lastCommit?.slice(0, 19) ?? '',
    header.transactions,
    header.rows.insert + header.rows.update + header.rows.delete,
    objectBytes,
  ])
  console.log(
    table(['kind', 'timeline', 'start', 'end', 'last commit', 'transactions', 'rows', 'bytes'], rows),
  )
}

async function show(which: string, options: Where): Promise<void> {
  const { Refusal } = await import('../../lambdas/runtime/failure.ts')
  const found = await withArchive(options, headers)
  const match =
    which === 'last'
      ? found.at(-1)
      : which === 'first'
        ? found[0]
        : found.find(stored => stored.key.includes(which))
  if (match === undefined)
    throw new Refusal('NoSegment', `the archive has no segment "${which}"`, 'holdfast archive list')
  const { key, seal, header, objectBytes } = match
  console.log(JSON.stringify({ key, seal, objectBytes, ...header }, null, 2))
}

async function verify(options: Where): Promise<void> {
  const { verifyArchive } = await import('../../lambdas/archive-verification/verify.ts')
  const progress = new Progress()
  const report = await withArchive(options, archive =>
    verifyArchive(archive, key => progress.say(`reading ${key}`)),
  )
  progress.done('')
  if (report.verdict !== 'pass') process.exitCode = 1
  if (options.json) return console.log(JSON.stringify(report, null, 2))
  for (const history of report.histories) {
    const colour = history.faults.length === 0 ? 'green' : 'red'
    console.log(
      `${paint(colour, history.faults.length === 0 ? 'whole' : `${history.faults.length} faults`)}  database ${history.systemIdentifier}: ${history.segments} segments, ${history.transactions} transactions, ${history.rows} rows, ${history.bytes} bytes, ${history.from} to ${history.to}`,
    )
    for (const { kind, key, detail } of history.faults)
      console.log(`  ${paint('red', kind)}  ${key}\n    ${detail}`)
  }
  if (report.histories.length === 0)
    console.log(
      `${paint('yellow', 'unknown')}  the bucket holds no segment\nHINT: invoke the archiver, then look again`,
    )
}

async function cat(options: Range): Promise<void> {
  const { changesBetween } = await import('../archive/range.ts')
  const { lineOf } = await import('../archive/lines.ts')
  await withArchive(options, async archive => {
    for await (const placed of changesBetween(archive, options)) {
      const line = lineOf(placed)
      if (line === undefined) continue
      if (options.table !== undefined && line.table !== options.table) continue
      if (!process.stdout.write(`${JSON.stringify(line)}\n`))
        await new Promise(resolve => process.stdout.once('drain', resolve))
    }
  })
}
