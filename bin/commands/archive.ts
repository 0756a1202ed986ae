import type { Command } from 'commander'
import { sayCount } from '../../lambdas/restore-drill/report/figure.ts'
import { oneLine } from '../../lambdas/runtime/legible.ts'
import type { Archive, Stored } from '../../lambdas/runtime/segment/store.ts'
import type { Place } from '../drill/deployment.ts'
import type { Verb } from '../holdfast.ts'
import { countOf, placeOption, type Where, where } from '../options.ts'
import { Progress, paint, print, table } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast archive list                         the segments, oldest first
  holdfast archive list --last 20               only the newest twenty
  holdfast archive show last                    one segment's header
  holdfast archive verify                       read every byte back: order, hashes, gaps, decoding
  holdfast archive verify --region standby      the same for the copy in the other region
  holdfast archive cat --from 0/1A2B3C8         every change from there on, a line of JSON each
  holdfast archive cat --from 2026-11-20T09:00Z --to 2026-11-20T09:05Z --table public.orders
  holdfast archive cat --table public.orders | head -1
  holdfast archive list --bucket my-segments --target aws`

type Chosen = Where & { region: Place; bucket?: string; json?: boolean }
type List = Chosen & { last?: number }
type Range = Chosen & { from?: string; to?: string; table?: string; database?: string }

/** `holdfast archive`: lists, shows, verifies and prints what the archive holds, without the database. */
export const register: Verb = program => {
  const archive = program
    .command('archive')
    .description('the change archive: list, show, verify, cat')
    .addHelpText('afterAll', EXAMPLES)
  place(archive.command('list').description('every segment: where it begins and ends, what it holds'))
    .option('--last <count>', 'only so many, the newest', countOf)
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
    .option('--table <name>', 'only this table, as schema.name or name alone')
    .option('--database <system identifier>', 'only this database’s history')
    .action(cat)
}

function place(command: Command): Command {
  return where(command)
    .addOption(placeOption())
    .option('--bucket <name>', 'another bucket than the environment’s')
}

async function withArchive<T>(chosen: Chosen, work: (archive: Archive) => Promise<T>): Promise<T> {
  const { openDeployment } = await import('../drill/deployment.ts')
  await using deployment = await openDeployment(chosen)
  const place = chosen.region
  const bucket = chosen.bucket ?? (await deployment.output(place, 'SegmentsBucket'))
  return await work({ s3: deployment.s3(place), bucket })
}

/** Tells how far a long reading is: on a terminal each step, elsewhere a line now and then. */
function counted(what: string): { (done: number, all?: number): void; over(): void } {
  const progress = new Progress()
  const isTerminal = process.stderr.isTTY === true
  let told = performance.now()
  const tell = (done: number, all?: number) => {
    if (!isTerminal && performance.now() - told < 5_000) return
    told = performance.now()
    progress.say(`${what} ${sayCount(done)}${all === undefined ? '' : ` of ${sayCount(all)}`}`)
  }
  return Object.assign(tell, { over: () => isTerminal && progress.done('') })
}

async function keysOf(archive: Archive): Promise<string[]> {
  const { listSegments } = await import('../../lambdas/runtime/segment/store.ts')
  const keys: string[] = []
  for await (const { key } of listSegments(archive)) keys.push(key)
  return keys
}

async function headers(archive: Archive, keys: readonly string[]): Promise<Stored[]> {
  const { readHeader } = await import('../../lambdas/runtime/segment/store.ts')
  const found: Stored[] = []
  const tell = counted('headers read:')
  // A month is forty thousand objects: a few dozen at a time.
  for (let at = 0; at < keys.length; at += 32) {
    found.push(...(await Promise.all(keys.slice(at, at + 32).map(key => readHeader(archive, key)))))
    tell(found.length, keys.length)
  }
  tell.over()
  return found
}

async function list(options: List): Promise<void> {
  const { found, all } = await withArchive(options, async archive => {
    const keys = await keysOf(archive)
    return { found: await headers(archive, keys.slice(-(options.last ?? keys.length))), all: keys.length }
  })
  if (options.json)
    return print(
      JSON.stringify(
        found.map(stored => ({ key: stored.key, ...stored.header })),
        null,
        2,
      ),
    )
  if (all === 0) return print(EMPTY)
  const rows = found.map(({ header, objectBytes }) => [
    header.kind === 'gap' ? `${header.kind} ${header.gap?.cause}` : header.kind,
    header.timeline,
    header.start,
    header.end,
    header.lastCommit?.slice(0, 19) ?? '',
    header.transactions,
    rowsOf(header),
    objectBytes,
  ])
  print(
    table(['kind', 'timeline', 'start', 'end', 'last commit (UTC)', 'transactions', 'rows', 'bytes'], rows),
  )
  const sum = (of: (stored: Stored) => number) => sayCount(found.reduce((total, each) => total + of(each), 0))
  print(
    `\n${sayCount(found.length)}${found.length < all ? ` of ${sayCount(all)}` : ''} segments, ${sum(({ header }) => header.transactions)} transactions, ${sum(({ header }) => rowsOf(header))} rows, ${sum(({ objectBytes }) => objectBytes)} bytes`,
  )
}

const EMPTY = `${paint('yellow', 'unknown')}  the bucket holds no segment\nHINT: invoke the archiver, then look again`

const rowsOf = ({ rows }: Stored['header']) => rows.insert + rows.update + rows.delete

async function show(which: string, options: Chosen): Promise<void> {
  const { Refusal } = await import('../../lambdas/runtime/failure.ts')
  const { readHeader } = await import('../../lambdas/runtime/segment/store.ts')
  const { key, seal, header, objectBytes } = await withArchive(options, async archive => {
    const keys = await keysOf(archive)
    const match =
      which === 'last' ? keys.at(-1) : which === 'first' ? keys[0] : keys.find(each => each.includes(which))
    if (match === undefined)
      throw new Refusal('NoSegment', `the archive has no segment "${which}"`, 'holdfast archive list')
    return readHeader(archive, match)
  })
  print(JSON.stringify({ key, seal, objectBytes, ...header }, null, 2))
}

async function verify(options: Chosen): Promise<void> {
  const { verifyArchive } = await import('../../lambdas/archive-verification/verify.ts')
  const tell = counted('segments read back:')
  const began = performance.now()
  let read = 0
  const report = await withArchive(options, async archive => {
    const { length } = await keysOf(archive)
    return verifyArchive(archive, () => tell(++read, Math.max(read, length)))
  })
  tell.over()
  if (report.verdict !== 'pass') process.exitCode = 1
  if (options.json) return print(JSON.stringify(report, null, 2))
  for (const history of report.histories) {
    const colour = history.faults.length === 0 ? 'green' : 'red'
    print(
      `${paint(colour, history.faults.length === 0 ? 'whole' : `${history.faults.length} faults`)}  database ${history.systemIdentifier}: ${sayCount(history.segments)} segments, ${sayCount(history.transactions)} transactions, ${sayCount(history.rows)} rows, ${sayCount(history.bytes)} bytes, ${history.from} to ${history.to}, read back in ${((performance.now() - began) / 1_000).toFixed(1)} s`,
    )
    for (const { kind, key, detail } of history.faults)
      print(`  ${paint('red', kind)}  ${oneLine(key)}\n    ${oneLine(detail)}`)
  }
  if (report.histories.length === 0) print(EMPTY)
}

async function cat(options: Range): Promise<void> {
  const { changesBetween } = await import('../archive/range.ts')
  const { isOf, lineOf } = await import('../archive/lines.ts')
  const { printLines } = await import('../archive/print.ts')
  await withArchive(options, archive => {
    const lines = async function* () {
      for await (const placed of changesBetween(archive, options)) {
        const line = lineOf(placed)
        if (line !== undefined && (options.table === undefined || isOf(line, options.table))) yield line
      }
    }
    return printLines(lines(), process.stdout)
  })
}
