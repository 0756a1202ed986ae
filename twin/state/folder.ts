import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

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

/** The folder of a twin, made if missing. PostgreSQL runs as another account and must be able to pass through it. */
export function openFolder(root: string): TwinFolder {
  const closed = closedFolder(root)
  if (closed)
    throw new Error(
      `${closed} is closed to other accounts, and PostgreSQL does not run as root\nHINT: chmod o+x ${closed}, or run holdfast as another user`,
    )
  mkdirSync(root, { recursive: true })
  chmodSync(root, 0o711)
  return folderAt(root)
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
