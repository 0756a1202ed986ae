import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect as dial } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Signer } from '@aws-sdk/rds-signer'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { own } from '../../../twin/postgres/account.ts'
import { openAuthority } from '../../../twin/postgres/authority.ts'
import { type Cluster, startCluster } from '../../../twin/postgres/cluster.ts'
import { type Endpoint, openEndpoint } from '../../../twin/postgres/endpoint.ts'
import { allowReplication, createMaster } from '../../../twin/postgres/rights.ts'
import { createCluster } from '../../../twin/postgres/template.ts'

const KEY = { accessKeyId: 'AKIAEXAMPLE000000001', secretAccessKey: 'secret/of+the key' }
const ROLE = 'arn:aws:iam::111111111111:role/examine'
const principal = { accessKeyId: KEY.accessKeyId, roleArn: ROLE, arn: ROLE }

let root: string
let cluster: Cluster
let endpoint: Endpoint
let ca: string
let log: string[] = []
let isAllowed = true
let iamEnabled = true

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  own(root)
  const authority = await openAuthority(join(root, 'authority'), ['us-east-1'])
  ca = readFileSync(authority.caFile, 'utf8')
  await createCluster({ dir: join(root, 'c') })
  cluster = await startCluster({ dir: join(root, 'c'), settings: { wal_level: 'logical' } })
  await createMaster(cluster, { user: 'master', password: 'correct-horse', database: 'shop' })
  endpoint = await openEndpoint({
    region: 'us-east-1',
    certificate: authority.server,
    backend: () => cluster,
    forceSsl: () => true,
    iamEnabled: () => iamEnabled,
    findKey: id => (id === KEY.accessKeyId ? { principal, secretAccessKey: KEY.secretAccessKey } : undefined),
    mayConnect: (caller, user) => isAllowed && caller.roleArn === ROLE && user === 'examiner',
    prepareReplication: user => allowReplication(cluster, user),
    log: line => log.push(line),
  })
})

afterAll(async () => {
  await endpoint.close()
  await cluster.stop()
  rmSync(root, { recursive: true, force: true })
})

async function login(options: pg.ClientConfig & { replication?: string } = {}): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: endpoint.port,
    user: 'master',
    password: 'correct-horse',
    database: 'shop',
    ssl: { ca, rejectUnauthorized: true },
    ...options,
  })
  client.on('error', () => {})
  await client.connect()
  return client
}

async function as(options: pg.ClientConfig, ...statements: string[]) {
  const client = await login(options)
  try {
    let result: pg.QueryResult | undefined
    for (const statement of statements) result = await client.query(statement)
    return result
  } finally {
    await client.end()
  }
}

const token = (overrides: Partial<ConstructorParameters<typeof Signer>[0]> = {}) =>
  new Signer({
    hostname: '127.0.0.1',
    port: endpoint.port,
    username: 'examiner',
    region: 'us-east-1',
    credentials: KEY,
    ...overrides,
  }).getAuthToken()

test('a master user logs in over a verified connection and is no superuser', async () => {
  const result = await as({}, "select current_setting('is_superuser') as superuser, version() ~ '18' as is18")
  expect(result?.rows).toEqual([{ superuser: 'off', is18: true }])
})

test('a wrong password is refused by PostgreSQL itself', async () => {
  await expect(login({ password: 'wrong' })).rejects.toMatchObject({
    code: '28P01',
    message: 'password authentication failed for user "master"',
  })
})

test('a connection without TLS is refused while TLS is forced', async () => {
  await expect(login({ ssl: false })).rejects.toMatchObject({ code: '28000' })
})

test('a client that trusts another authority refuses the certificate', async () => {
  await expect(login({ ssl: { rejectUnauthorized: true } })).rejects.toThrow('certificate')
})

test('rdsadmin cannot log in from outside', async () => {
  await expect(login({ user: 'rdsadmin' })).rejects.toMatchObject({ code: '28000' })
})

test('an IAM user logs in with a token, and with nothing else', async () => {
  await as({}, "create role examiner login password 'known-password'", 'grant rds_iam to examiner')
  const examiner = { user: 'examiner' }
  const result = await as({ ...examiner, password: await token() }, 'select session_user::text as who')
  expect(result?.rows).toEqual([{ who: 'examiner' }])

  const refused = { code: '28000', message: 'PAM authentication failed for user "examiner"' }
  const attempts: [string, string][] = [
    ['known-password', 'no RDS token'],
    [await token({ username: 'other' }), 'for the user other'],
    [await token({ region: 'us-west-2' }), 'for the region us-west-2'],
    [await token({ port: 5432 }), 'for 127.0.0.1:5432'],
    [await token({ hostname: 'elsewhere' }), 'for elsewhere'],
    [await token({ credentials: { ...KEY, secretAccessKey: 'guess' } }), 'does not match'],
    [await token({ credentials: { ...KEY, accessKeyId: 'AKIAUNKNOWN' } }), 'unknown'],
    [await token({ credentials: { ...KEY, sessionToken: 'x' } }), 'session token'],
    [(await token()).replace(/X-Amz-Date=\d+T/, 'X-Amz-Date=20200101T'), 'expired'],
  ]
  for (const [password, reason] of attempts) {
    log = []
    await expect(login({ ...examiner, password })).rejects.toMatchObject(refused)
    expect(log.join('\n')).toContain(reason)
  }
  isAllowed = false
  await expect(login({ ...examiner, password: await token() })).rejects.toMatchObject(refused)
  isAllowed = true
  iamEnabled = false
  await expect(login({ ...examiner, password: await token() })).rejects.toMatchObject(refused)
  iamEnabled = true
})

async function untilSleeping(pid: number): Promise<void> {
  const client = await login()
  for (let isAsleep = false; !isAsleep; await sleep(10)) {
    const { rows } = await client.query(
      "select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'",
      [pid],
    )
    isAsleep = rows.length === 1
  }
  await client.end()
}

test('a query can be cancelled through the endpoint', async () => {
  const client = await login()
  const slow = client.query('select pg_sleep(60)').catch((error: { code: string }) => error)
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number | Buffer }
  await untilSleeping(processID)
  const key = Buffer.isBuffer(secretKey) ? secretKey : Buffer.alloc(4)
  if (!Buffer.isBuffer(secretKey)) key.writeInt32BE(secretKey)
  const packet = Buffer.alloc(12 + key.length)
  packet.writeInt32BE(packet.length, 0)
  packet.writeInt32BE(80877102, 4)
  packet.writeInt32BE(processID, 8)
  key.copy(packet, 12)
  const socket = dial(endpoint.port, '127.0.0.1')
  socket.end(packet)
  expect(await slow).toMatchObject({ code: '57014' })
  await client.end()
})

test('the master user makes event triggers, alone, in blocks and in transactions', async () => {
  await as(
    {},
    "create function note() returns event_trigger language plpgsql as $$ begin perform set_config('note.tag', tg_tag, false); end $$",
    'create event trigger plain on ddl_command_end execute function note()',
    "do $$ begin if not exists (select from pg_event_trigger where evtname = 'inside') then create event trigger inside on sql_drop execute function note(); end if; end $$",
    'begin; create event trigger undone on sql_drop execute function note(); rollback',
    "comment on event trigger plain is 'it''s here'",
    'alter event trigger inside disable',
  )
  const client = await login()
  await client.query({ text: 'drop event trigger inside', name: 'prepared' })
  await client.query('create table noted (n int)')
  const seen = await client.query(
    "select current_setting('note.tag') as tag, (select string_agg(evtname || ':' || obj_description(oid, 'pg_event_trigger'), ',') from pg_event_trigger) as triggers",
  )
  await client.end()
  expect(seen.rows).toEqual([{ tag: 'CREATE TABLE', triggers: "plain:it's here" }])
  await as(
    {},
    "create role nobody_much login password 'correct-horse'",
    'grant all on schema public to nobody_much',
  )
  await expect(
    as({ user: 'nobody_much' }, 'create event trigger theirs on sql_drop execute function note()'),
  ).rejects.toMatchObject({ code: '42501' })
  await as({}, 'drop event trigger plain', 'drop function note()')
})

test('text that only speaks of event triggers is left alone', async () => {
  const result = await as(
    {},
    "create temp table t (s text); insert into t values ('create event trigger a on b'), ($$drop event trigger x;$$)",
    'select s from t -- create event trigger c\n order by 1 /* drop event trigger d; */',
  )
  expect(result?.rows).toEqual([{ s: 'create event trigger a on b' }, { s: 'drop event trigger x;' }])
})

test('the master user does what rds_superuser may, and no more', async () => {
  await as(
    {},
    'create extension amcheck',
    'create extension pg_stat_statements',
    "create role archiver login password 'correct-horse' bypassrls",
    'grant rds_replication to archiver',
    'grant execute on function bt_index_check(regclass, boolean, boolean) to archiver',
    'create table kept (n int primary key)',
    'create publication changes for table kept',
    'grant usage on schema public to archiver',
    "set session_replication_role = 'replica'",
  )
  const archiver = await as(
    { user: 'archiver' },
    "select pg_create_logical_replication_slot('changes', 'pgoutput')",
    "select count(*)::int as n from pg_logical_slot_peek_binary_changes('changes', null, null, 'proto_version', '1', 'publication_names', 'changes')",
    "select bt_index_check('kept_pkey', true, false)",
    "select pg_drop_replication_slot('changes')",
  )
  expect(archiver?.rowCount).toBe(1)
  for (const forbidden of [
    'create role boss superuser',
    "copy kept from program 'echo 1'",
    "select pg_read_file('PG_VERSION')",
    'alter system set work_mem = 1',
    'set role rdsadmin',
    "create function f() returns void language c as 'x'",
    "call pg_catalog.rds_event_trigger_statement('alter role master superuser')",
    'create extension file_fdw',
  ])
    await expect(as({}, forbidden)).rejects.toMatchObject({ code: '42501' })
  await as({}, "create role plain login password 'correct-horse'")
  await expect(
    as({ user: 'plain' }, "select pg_create_logical_replication_slot('theirs', 'pgoutput')"),
  ).rejects.toMatchObject({ code: '42501' })
})

test('members of rds_replication, and only they, open replication connections', async () => {
  await as({}, "create role streamer login password 'correct-horse'")
  const config = { user: 'streamer', replication: 'database' } as pg.ClientConfig
  await expect(login(config)).rejects.toMatchObject({ code: '42501' })
  await as({}, 'grant rds_replication to streamer')
  const client = await login(config)
  const system = await client.query('IDENTIFY_SYSTEM')
  expect(system.rows[0]?.dbname).toBe('shop')
  await client.end()
})

test('a lost region hangs, and its connections end when it is back', async () => {
  const client = await login()
  endpoint.setReachable(false)
  const outcome = Promise.race([
    client.query('select 1').then(
      () => 'answered',
      () => 'closed',
    ),
    sleep(300, 'silent'),
  ])
  expect(await outcome).toBe('silent')
  await expect(login({ connectionTimeoutMillis: 300 })).rejects.toThrow('timeout')
  endpoint.setReachable(true)
  await client.end().catch(() => {})
  await as({}, 'select 1')
})
