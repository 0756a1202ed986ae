import { lstatSync, mkdirSync, type Stats, statSync } from 'node:fs'

/** Somebody else made, or may write to, what only this account may. */
export class NotOurs extends Error {
  override readonly name = 'NotOurs'

  constructor(path: string, fact: string) {
    super(
      `${path} ${fact}: what lies in it may be another account's\nHINT: look at it, remove it and try again; TMPDIR names another temporary folder, HOLDFAST_TWINS another place for twins`,
    )
  }
}

/**
 * Makes one folder at a path that anybody on this machine could guess, or takes the one that is there.
 * @param owners accounts that it may belong to @default this process's
 * @throws NotOurs when it is a link, another account's, or can be written to by others
 */
export function claimFolder(path: string, mode: number, owners: readonly number[] = self()): void {
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  // Not what a link leads to: the link itself is who wants to lead us there.
  refuseForeign(path, lstatSync(path), owners)
}

/**
 * Refuses what stands at `path` unless it is a folder that only this account writes to.
 * @throws NotOurs
 */
export function refuseForeign(path: string, found: Stats, owners: readonly number[] = self()): void {
  if (!found.isDirectory()) throw new NotOurs(path, found.isSymbolicLink() ? 'is a link' : 'is no folder')
  if (owners.length > 0 && !owners.includes(found.uid))
    throw new NotOurs(path, `belongs to account ${found.uid}`)
  if (owners.length > 0 && (found.mode & 0o022) !== 0) throw new NotOurs(path, 'can be written to by others')
}

/**
 * Refuses a file that another account could have put there: one that it owns or may write to.
 * @throws NotOurs
 */
export function refuseForeignFile(path: string): void {
  const [uid] = self()
  if (uid === undefined) return
  const found = statSync(path)
  if (found.uid !== uid) throw new NotOurs(path, `belongs to account ${found.uid}`)
  if ((found.mode & 0o022) !== 0) throw new NotOurs(path, 'can be written to by others')
}

/** Empty where accounts have no numbers. */
function self(): number[] {
  const uid = process.getuid?.()
  return uid === undefined ? [] : [uid]
}
