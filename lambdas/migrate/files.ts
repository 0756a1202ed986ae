import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** One file `<version>.do.<name>.sql`. Its md5 is that of its text with `\n` between lines, as the ledger keeps it. */
export type MigrationFile = {
  readonly version: number
  readonly name: string
  readonly md5: string
  readonly sql: string
}

const NAME = /^(\d+)\.do\.([^.]+)\.sql$/

/** The folder's migrations, in the order of their numbers. */
export async function readFiles(folder: string): Promise<readonly MigrationFile[]> {
  const files: MigrationFile[] = []
  for (const entry of await readdir(folder)) {
    const [, version, name = ''] = NAME.exec(entry) ?? []
    if (version === undefined) continue
    const sql = await readFile(join(folder, entry), 'utf8')
    const md5 = createHash('md5').update(sql.replaceAll('\r\n', '\n')).digest('hex')
    files.push({ version: Number(version), name, md5, sql })
  }
  files.sort((a, b) => a.version - b.version)
  for (const [index, file] of files.entries())
    if (files[index + 1]?.version === file.version)
      throw new Error(`two migrations have the number ${file.version}`)
  return files
}
