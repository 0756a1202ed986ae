import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { setTimeout as sleep } from 'node:timers/promises'
import { Refusal } from '../../lambdas/runtime/failure.ts'
import { folderAt } from '../../twin/state/folder.ts'
import type { Verb } from '../holdfast.ts'
import { countOf } from '../options.ts'
import { paint, print, write } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast logs                    which logs there are
  holdfast logs heartbeat          the last lines of the function whose name holds that
  holdfast logs drill --follow
  holdfast logs twin --lines 200   the twin's own log
  holdfast logs denials            refusals by IAM, with the statement that was missing`

type Options = { env?: string; lines: number; follow?: boolean; region?: string; json?: boolean }

const POLL_MS = 250

/** `holdfast logs`: the logs of the twin and of its functions. They can be read when the twin is down, too. */
export const register: Verb = program => {
  program
    .command('logs [name]')
    .description('the log of a function, of the twin, or of the refusals')
    .option('--env <name>', 'the environment', 'prod')
    .option('--region <region>', 'when a function is in both regions')
    .option('--lines <count>', 'how many of the last lines', countOf, 50)
    .option('--follow', 'go on as lines come')
    .option('--json', 'for machines: the files there are')
    .addHelpText('after', EXAMPLES)
    .action(logs)
}

async function logs(name: string | undefined, options: Options): Promise<void> {
  const { twinRoot } = await import('../target.ts')
  const files = logFiles(twinRoot(options.env ?? 'prod'))
  if (files.length === 0)
    throw new Refusal('NoLogs', `there is no twin of ${options.env}`, `holdfast up --env ${options.env}`)
  if (options.json) return print(JSON.stringify(files, null, 2))
  if (name === undefined)
    return print(files.map(file => `${file.region.padEnd(12)}  ${file.name}`).join('\n'))
  const chosen = choose(files, name, options.region)
  for (const { name: title, path } of chosen) {
    if (chosen.length > 1) print(paint('bold', title))
    print(lastLines(path, options.lines))
  }
  const [only] = chosen
  if (options.follow && only) await follow(only.path)
}

type LogFile = { readonly name: string; readonly region: string; readonly path: string }

function logFiles(root: string): LogFile[] {
  const folder = folderAt(root)
  const own = [
    { name: 'twin', region: '', path: folder.log },
    { name: 'denials', region: '', path: folder.denials },
  ].filter(({ path }) => existsSync(path))
  if (!existsSync(folder.functionLogs)) return own
  // Beside the regions' folders lies what the log service itself remembers.
  const regions = readdirSync(folder.functionLogs, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => entry.name)
  const functions = regions.flatMap(region =>
    readdirSync(join(folder.functionLogs, region)).map(file => ({
      name: basename(file, '.log'),
      region,
      path: join(folder.functionLogs, region, file),
    })),
  )
  return [...own, ...functions]
}

function choose(files: readonly LogFile[], name: string, region: string | undefined): LogFile[] {
  const plain = (text: string) => text.toLowerCase().replaceAll('-', '')
  const exact = files.filter(file => file.name === name)
  const found = exact.length > 0 ? exact : files.filter(file => plain(file.name).includes(plain(name)))
  const here = region === undefined ? found : found.filter(file => file.region === region)
  if (here.length === 0)
    throw new Refusal(
      'NoLog',
      `no log is called ${name}`,
      `holdfast logs lists the ${files.length} that there are`,
    )
  return here
}

function lastLines(path: string, count: number): string {
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-count).join('\n')
}

// Reads what is appended, until the person at the keyboard has seen enough.
async function follow(path: string): Promise<never> {
  const buffer = Buffer.alloc(65_536)
  // A character may lie on both sides of what is read at once.
  const decoder = new StringDecoder('utf8')
  for (let at = statSync(path).size; ; ) {
    const handle = openSync(path, 'r')
    const read = readSync(handle, buffer, 0, buffer.length, at)
    closeSync(handle)
    write(process.stdout, decoder.write(buffer.subarray(0, read)))
    at += read
    if (read === 0) await sleep(POLL_MS)
  }
}
