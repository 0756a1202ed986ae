import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import pg from 'pg'
import { own } from '../../../twin/postgres/account.ts'
import { type Cluster, startCluster } from '../../../twin/postgres/cluster.ts'
import { createMaster } from '../../../twin/postgres/rights.ts'
import { createCluster } from '../../../twin/postgres/template.ts'

let root: string
let cluster: Cluster
let master: pg.Client
let count = 0

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  own(root)
  await createCluster({ dir: join(root, 'c') })
  cluster = await startCluster({ dir: join(root, 'c') })
  await createMaster(cluster, { user: 'master', password: 'word' })
})
afterAll(async () => {
  await cluster.stop()
  rmSync(root, { recursive: true, force: true })
})

beforeEach(async () => {
  count += 1
  await cluster.query(`create database d${count} owner master`)
  master = new pg.Client({
    host: cluster.socket,
    port: cluster.port,
    user: 'master',
    password: 'word',
    database: `d${count}`,
  })
  await master.connect()
})
afterEach(() => master.end())

test.each([
  'earthdistance cascade',
  'cube',
  'postgres_fdw',
  'dblink',
  'hstore',
  'pg_trgm',
  'citext',
  'ltree',
  'intarray',
  'unaccent',
  'tablefunc',
  'btree_gin',
  'btree_gist',
  'fuzzystrmatch',
  'pgcrypto',
  '"uuid-ossp"',
  'amcheck',
  'bloom',
  'dict_int',
  'dict_xsyn',
  'intagg',
  'isn',
  'lo',
  'seg',
  'sslinfo',
  'tcn',
  'tsm_system_rows',
  'tsm_system_time',
  'pg_stat_statements',
  'pgrowlocks',
  'pgstattuple',
  'pg_buffercache',
  'pg_freespacemap',
  'pg_prewarm',
  'pg_visibility',
  'pg_walinspect',
  'refint',
  'autoinc',
  'insert_username',
  'moddatetime',
  'xml2',
])('a master user may create the extension %s', async extension => {
  await master.query(`create extension ${extension}`)
})

test('a master user makes foreign servers with users and tables of them', async () => {
  await master.query(`create extension postgres_fdw;
    create server far foreign data wrapper postgres_fdw options (host 'db.invalid', dbname 'x');
    create user mapping for master server far options (user 'x', password 'y');
    create foreign table ft (id int) server far`)
  const { rows } = await master.query(`select srvname from pg_foreign_server`)
  expect(rows).toEqual([{ srvname: 'far' }])
})
