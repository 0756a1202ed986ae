import { constants } from 'node:fs'
import { chown, copyFile, mkdir, readdir, readlink, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { makePrivateFolder, unprivileged } from './account.ts'

/** Files that may vanish while a running cluster is copied. */
const isGone = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT'

export type CopyOptions = {
  /** Paths relative to `from` that are left out, a folder with all that is in it. */
  readonly skip?: (relative: string) => boolean
  /** Folders copied at the same time. @default 4 */
  readonly width?: number
}

/**
 * Copies a tree that a PostgreSQL may be writing to: a file that vanishes meanwhile is left out. Where the file
 * system can share blocks (`FICLONE`), the copy takes no space and no time. The copy belongs to PostgreSQL's account.
 */
export async function copyTree(from: string, to: string, options: CopyOptions = {}): Promise<void> {
  const { uid, gid } = unprivileged()
  const give = async (path: string) => {
    if (uid !== undefined && gid !== undefined) await chown(path, uid, gid)
  }
  makePrivateFolder(to)
  const folders: string[] = ['']
  const visit = async (folder: string): Promise<void> => {
    await mkdir(join(to, folder), { recursive: true, mode: 0o700 })
    await give(join(to, folder))
    const entries = await readdir(join(from, folder), { withFileTypes: true }).catch(error => {
      if (isGone(error)) return []
      throw error
    })
    for (const entry of entries) {
      const relative = join(folder, entry.name)
      if (options.skip?.(relative)) continue
      if (entry.isDirectory()) folders.push(relative)
      else if (entry.isSymbolicLink()) await symlink(await readlink(join(from, relative)), join(to, relative))
      else if (entry.isFile()) {
        try {
          await copyFile(join(from, relative), join(to, relative), constants.COPYFILE_FICLONE)
          await give(join(to, relative))
        } catch (error) {
          if (!isGone(error)) throw error
        }
      }
    }
  }
  const running = new Set<Promise<void>>()
  while (folders.length > 0 || running.size > 0) {
    const next = running.size < (options.width ?? 4) ? folders.shift() : undefined
    if (next === undefined) await Promise.race(running)
    else {
      const visiting: Promise<void> = visit(next).finally(() => running.delete(visiting))
      running.add(visiting)
    }
  }
}
