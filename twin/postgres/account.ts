import { chmodSync, lchownSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { claimFolder } from '../state/own-folder.ts'

/** `nobody` on Linux; PostgreSQL refuses to run as root. */
const NOBODY = 65534

/** The account under which PostgreSQL runs, as spawn options: empty unless this process is root. */
export function unprivileged(): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
}

/** Gives one file or folder to PostgreSQL's account. Does nothing unless this process is root. */
export function own(path: string): void {
  const { uid, gid } = unprivileged()
  // Never what a link leads to.
  if (uid !== undefined && gid !== undefined) lchownSync(path, uid, gid)
}

/** Gives a whole tree to PostgreSQL's account. Does nothing unless this process is root. */
export function ownTree(path: string): void {
  if (unprivileged().uid === undefined) return
  own(path)
  if (!lstatSync(path).isDirectory()) return
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const child = join(path, entry.name)
    if (entry.isDirectory()) ownTree(child)
    else if (!entry.isSymbolicLink()) own(child)
  }
}

/**
 * Makes a private folder of PostgreSQL's account, and its parents. Parents that were there stay as they are.
 * @throws NotOurs when somebody else made it first
 */
export function makePrivateFolder(path: string): void {
  const parent = dirname(path)
  const first = mkdirSync(parent, { recursive: true, mode: 0o700 })
  for (let made = parent; first !== undefined && made.length >= first.length; made = dirname(made)) own(made)
  claimFolder(path, 0o700, accounts())
  own(path)
  chmodSync(path, 0o700)
}

/** This process's account and PostgreSQL's; empty where accounts have no numbers. */
function accounts(): number[] {
  return [process.getuid?.(), unprivileged().uid].filter(uid => uid !== undefined)
}
