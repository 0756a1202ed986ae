import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { refuseForeign } from './own-folder.ts'

/** Where a twin keeps what. All of it lies in one folder, so that removing the folder removes the twin. */
export type TwinFolder = {
  readonly root: string
  /** How to reach a live twin; there while one is. */
  readonly endpoint: string
  readonly lock: string
  readonly log: string
  /** Refusals by IAM, one JSON line each. */
  readonly denials: string
  /** Logs of the functions, a folder a region. */
  readonly functionLogs: string
  /** The folder of one service's state. */
  readonly of: (service: string) => string
}

/**
 * The first folder above `path` that other accounts cannot pass through; undefined when there is none, or when this
 * process is not root, since PostgreSQL then runs as the same account.
 */
export function closedFolder(path: string): string | undefined {
  if (process.getuid?.() !== 0) return undefined
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (existsSync(folder) && (statSync(folder).mode & 0o001) === 0) return folder
    if (folder === dirname(folder)) return undefined
  }
}

/** Of the folders that lead to the twin's own: PostgreSQL's account passes through them, where it is another. */
const PASSED = process.getuid?.() === 0 ? 0o711 : 0o700

/** What this twin writes and reads; to be raised when it can no longer read what it wrote before. */
const FORMAT = '1'

/**
 * The folder of a twin, made if missing. PostgreSQL runs as another account and must be able to pass through it.
 * @throws Error with a hint when it cannot be made, or holds what another version of the twin wrote
 */
export function openFolder(root: string): TwinFolder {
  makeFolder(root)
  const closed = closedFolder(root)
  if (closed)
    throw new Error(
      `${closed} is closed to other accounts, and PostgreSQL does not run as root\nHINT: chmod o+x ${closed}, or run holdfast as another user`,
    )
  refuseForeign(root, lstatSync(root))
  chmodSync(root, PASSED)
  // What an earlier twin left open is closed with what stands around it.
  for (const entry of readdirSync(root, { withFileTypes: true }))
    if (!entry.isSymbolicLink()) chmodSync(join(root, entry.name), entry.isDirectory() ? 0o700 : 0o600)
  const file = join(root, 'format')
  const found = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
  if (found === undefined) writeFileSync(file, `${FORMAT}\n`, { mode: 0o600 })
  else if (found !== FORMAT)
    throw new Error(
      `${root} was written by another version of the twin (format ${found}, this one reads ${FORMAT})\nHINT: holdfast reset removes it, and holdfast up begins anew`,
    )
  return folderAt(root)
}

// Step by step: Node's own recursive mkdir never returns where a folder says that it is not there, as /proc does.
function makeFolder(path: string): void {
  const refuse = (what: string, cause?: unknown) =>
    new Error(
      `the twin's folder cannot be made: ${path} ${what}\nHINT: set HOLDFAST_TWINS to a folder that you may write to`,
      { cause },
    )
  if (existsSync(path)) {
    const found = statSync(path)
    if (!found.isDirectory()) throw refuse('is a file')
    // In a folder that all may write to without its sticky bit, anybody may put another folder in our place.
    if ((found.mode & 0o1002) === 0o002) throw refuse('lets every account replace what lies in it')
    return
  }
  if (path !== dirname(path)) makeFolder(dirname(path))
  try {
    mkdirSync(path, { mode: PASSED })
    // Whatever the umask says: PostgreSQL's account passes through what is made for it.
    chmodSync(path, PASSED)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw refuse(`(${(error as Error).message})`, error)
  }
}

/** The same without touching the disk. */
export function folderAt(root: string): TwinFolder {
  return {
    root,
    endpoint: join(root, 'endpoint.json'),
    lock: join(root, 'twin.pid'),
    log: join(root, 'twin.log'),
    denials: join(root, 'denials.jsonl'),
    functionLogs: join(root, 'function-logs'),
    of: service => join(root, service),
  }
}
