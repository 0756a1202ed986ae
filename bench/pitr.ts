/**
 * Point-in-time restore through the twin's API against plain PostgreSQL restoring the same base and segments by hand.
 * `npx node bench/pitr.ts [--mb 1024] [--rounds 3]`
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import {
  CreateDBInstanceCommand,
  CreateDBSnapshotCommand,
  DeleteDBInstanceCommand,
  RestoreDBInstanceFromDBSnapshotCommand,
  RestoreDBInstanceToPointInTimeCommand,
} from '@aws-sdk/client-rds'
import pg from 'pg'
import { own, ownTree, unprivileged } from '../twin/postgres/account.ts'
import { installation } from '../twin/postgres/installation.ts'
import { openRdsLab } from './rds-lab.ts'

const { values } = parseArgs({
  options: { mb: { type: 'string', default: '1024' }, rounds: { type: 'string', default: '3' } },
})
const megabytes = Number(values.mb)
const rounds = Number(values.rounds)
const lab = await openRdsLab(line => process.stderr.write(`${line}\n`))
const { root, rds, describe, untilAvailable } = lab

async function load(id: string, table: string, mb: number) {
  const { Endpoint } = await untilAvailable(id)
  const client = new pg.Client({
    host: Endpoint?.Address,
    port: Endpoint?.Port,
    user: 'master',
    password: 'correct-horse',
    database: 'shop',
    ssl: { ca: lab.authority.server.ca },
  })
  await client.connect()
  // About 1 kB a row with its header.
  await client.query(
    `create table ${table} as select n, repeat(md5(n::text), 30) as text from generate_series(1, ${mb * 1000}) n`,
  )
  const { rows } = await client.query('select clock_timestamp() as at')
  await client.end()
  return rows[0].at as Date
}

/** Copies, recovers and promotes with the server's own programs and `cp`; returns milliseconds. */
async function byHand(base: string, archive: string, time: Date, configuration: string): Promise<number> {
  const dir = join(root, 'hand')
  const socket = mkdtempSync(join(tmpdir(), 'holdfast-hand-'))
  own(socket)
  const started = performance.now()
  execFileSync('cp', ['-r', base, dir])
  ownTree(dir)
  writeFileSync(join(dir, 'recovery.signal'), '')
  own(join(dir, 'recovery.signal'))
  const settings = [
    ...configuration
      .split('\n')
      .filter(
        line =>
          !/^(hba_file|ident_file|unix_socket_directories|archive_|basic_archive|recovery_|restore_command)/.test(
            line,
          ),
      ),
    `unix_socket_directories = '${socket}'`,
    `restore_command = 'cp "${archive}/%f" "%p" 2>/dev/null || gzip -dc "${archive}/%f.gz" > "%p" 2>/dev/null'`,
    `recovery_target_time = '${time.toISOString().replace('Z', '+00')}'`,
    "recovery_target_action = 'promote'",
    'hot_standby = off',
  ]
  writeFileSync(join(root, 'hand.conf'), settings.join('\n'), { mode: 0o644 })
  const child = spawn(
    installation(18).postgres,
    ['-D', dir, '-c', `config_file=${join(root, 'hand.conf')}`],
    {
      ...unprivileged(),
      stdio: 'ignore',
    },
  )
  const exited = new Promise(resolve => child.once('exit', resolve))
  try {
    for (;;) {
      if (child.exitCode !== null) throw new Error('PostgreSQL by hand ended')
      const client = new pg.Client({ host: socket, user: 'rdsadmin', database: 'postgres' })
      client.on('error', () => {})
      const isUp = await client
        .connect()
        .then(() => client.query('select pg_is_in_recovery() as still'))
        .then(
          ({ rows }) => rows[0].still === false,
          () => false,
        )
      await client.end().catch(() => {})
      if (isUp) break
      await sleep(20)
    }
    return performance.now() - started
  } finally {
    child.kill('SIGQUIT')
    await exited
    rmSync(dir, { recursive: true, force: true })
    rmSync(socket, { recursive: true, force: true })
  }
}

const median = (numbers: number[]) =>
  numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN

try {
  await rds.send(
    new CreateDBInstanceCommand({
      DBInstanceIdentifier: 'a',
      Engine: 'postgres',
      DBInstanceClass: 'db.r6g.large',
      MasterUsername: 'master',
      MasterUserPassword: 'correct-horse',
      DBName: 'shop',
      BackupRetentionPeriod: 0,
    }),
  )
  await untilAvailable('a')
  // Half of the data is in the base, half in the segments after it.
  await load('a', 'in_base', megabytes / 2)
  await rds.send(new CreateDBSnapshotCommand({ DBInstanceIdentifier: 'a', DBSnapshotIdentifier: 's' }))
  await untilAvailable('a')
  await rds.send(
    new RestoreDBInstanceFromDBSnapshotCommand({
      DBInstanceIdentifier: 'b',
      DBSnapshotIdentifier: 's',
      BackupRetentionPeriod: 1,
    }),
  )
  const { DbiResourceId = '' } = await untilAvailable('b')
  await rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: 'a', SkipFinalSnapshot: true }))
  const time = await load('b', 'in_segments', megabytes / 2)
  while (((await describe('b'))?.LatestRestorableTime?.getTime() ?? 0) < time.getTime()) await sleep(100)

  const backup = join(root, 'backups', lab.options.region, DbiResourceId.toLowerCase())
  const base = join(backup, 'base', readdirSync(join(backup, 'base'))[0] ?? '', 'data')
  const configuration = readFileSync(
    join(root, 'clusters', DbiResourceId.toLowerCase(), 'postgresql.conf'),
    'utf8',
  )
  const api: number[] = []
  const hand: number[] = []
  for (let round = 0; round < rounds; round++) {
    hand.push(await byHand(base, join(backup, 'wal'), time, configuration))
    const id = `copy-${round}`
    const started = performance.now()
    await rds.send(
      new RestoreDBInstanceToPointInTimeCommand({
        SourceDBInstanceIdentifier: 'b',
        TargetDBInstanceIdentifier: id,
        RestoreTime: time,
        BackupRetentionPeriod: 0,
      }),
    )
    await untilAvailable(id)
    api.push(performance.now() - started)
    await rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: id, SkipFinalSnapshot: true }))
    while (await describe(id).catch(() => undefined)) await sleep(50)
  }
  const [twinMs, handMs] = [median(api), median(hand)]
  process.stdout.write(
    `${JSON.stringify({ bench: 'pitr', megabytes, rounds, cpus: cpus().length, load: Number(loadavg()[0]?.toFixed(1)), twinMs: Math.round(twinMs), handMs: Math.round(handMs), ratio: Number((twinMs / handMs).toFixed(2)), aim: 1.15 })}\n`,
  )
} finally {
  await lab.close()
}
