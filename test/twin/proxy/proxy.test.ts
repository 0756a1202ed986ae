import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CreateDBInstanceCommand,
  CreateDBProxyCommand,
  type DBInstance,
  type DBProxy,
  DeleteDBProxyCommand,
  DescribeDBProxiesCommand,
  ModifyDBProxyTargetGroupCommand,
  RegisterDBProxyTargetsCommand,
} from '@aws-sdk/client-rds'
import { Signer } from '@aws-sdk/rds-signer'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { typeTable } from '../../../bin/commands/up.ts'
import { poolProvisioners } from '../../../twin/deploy/provision/pool.ts'
import type { Desired, Physical, Stored } from '../../../twin/deploy/provisioner.ts'
import { isAlive } from '../../../twin/postgres/processes.ts'
import { findProgram } from '../../../twin/state/program.ts'
import type { Call } from '../../../twin/wire/call.ts'
import { openTarget, type Target, until, untilStatus } from '../../contract/target.ts'

const KEY = { accessKeyId: 'AKIAEXAMPLE000000001', secretAccessKey: 'secret/of+the key' }
const CALLER = 'arn:aws:iam::111122223333:role/service'
const POOL_ROLE = 'arn:aws:iam::111122223333:role/pool'
const principal = { accessKeyId: KEY.accessKeyId, roleArn: CALLER, arn: CALLER }
const hasPooler = findProgram('HOLDFAST_PGBOUNCER', 'pgbouncer') !== undefined

let target: Target
let instance: DBInstance
let proxy: DBProxy
let master: pg.Client
const asked: string[] = []
const watched = new Set<number>()
let mayCaller = true
let mayRole = true

beforeAll(async () => {
  target = await openTarget({
    findKey: id => (id === KEY.accessKeyId ? { principal, secretAccessKey: KEY.secretAccessKey } : undefined),
    mayConnect: (_, resource) => {
      asked.push(resource)
      return mayCaller
    },
    mayRoleConnect: (role, resource) => {
      asked.push(`${role} ${resource}`)
      return mayRole
    },
    watch: { started: pid => watched.add(pid), ended: pid => watched.delete(pid) },
  })
  const rds = target.rds()
  await rds.send(
    new CreateDBInstanceCommand({
      DBInstanceIdentifier: 'writer',
      Engine: 'postgres',
      DBInstanceClass: 'db.t4g.micro',
      MasterUsername: 'master',
      MasterUserPassword: 'correct-horse',
      DBName: 'shop',
      MultiAZ: true,
      EnableIAMDatabaseAuthentication: true,
    }),
  )
  instance = await untilStatus(rds, 'writer', 'available')
  master = await target.connect(instance, { user: 'master', password: 'correct-horse', database: 'shop' })
  await master.query(
    'create role app login; grant rds_iam to app; create role clerk login password $$of-old$$',
  )
  await rds.send(
    new CreateDBProxyCommand({
      DBProxyName: 'Pool',
      EngineFamily: 'POSTGRESQL',
      DefaultAuthScheme: 'IAM_AUTH',
      RequireTLS: true,
      RoleArn: POOL_ROLE,
      VpcSubnetIds: ['subnet-1', 'subnet-2'],
    }),
  )
  await rds.send(
    new ModifyDBProxyTargetGroupCommand({
      DBProxyName: 'pool',
      TargetGroupName: 'default',
      ConnectionPoolConfig: {
        MaxConnectionsPercent: 3,
        ConnectionBorrowTimeout: 2,
        InitQuery: "set application_name to 'from the pool'",
      },
    }),
  )
  await rds.send(
    new RegisterDBProxyTargetsCommand({ DBProxyName: 'pool', DBInstanceIdentifiers: ['writer'] }),
  )
  proxy = await describeProxy()
}, 120_000)

afterAll(async () => {
  await master?.end().catch(() => {})
  await target.close()
  expect([...watched].filter(isAlive)).toEqual([])
}, 60_000)

async function describeProxy(): Promise<DBProxy> {
  const { DBProxies } = await target.rds().send(new DescribeDBProxiesCommand({ DBProxyName: 'pool' }))
  return DBProxies![0]!
}

const port = () => Number(proxy.Endpoint?.split(':')[1])

async function enter(user: string, password?: string, ssl = true, at = port()): Promise<pg.Client> {
  const token = await new Signer({
    hostname: '127.0.0.1',
    port: at,
    username: user,
    region: target.home,
    credentials: KEY,
  }).getAuthToken()
  const client = new pg.Client({
    host: '127.0.0.1',
    port: at,
    user,
    password: password ?? token,
    database: 'shop',
    ssl: ssl && { ca: readFileSync(join(target.twin!.root, 'tls/ca.pem'), 'utf8'), rejectUnauthorized: true },
    connectionTimeoutMillis: 10_000,
  })
  client.on('error', () => {})
  await client.connect().catch(async error => {
    await client.end().catch(() => {})
    throw error
  })
  return client
}

/** The newest value of a metric of the proxy in these dimensions. */
function metric(name: string, more: Record<string, string> = {}) {
  const wanted = JSON.stringify({ ProxyName: 'pool', ...more })
  return target.twin!.metrics.findLast(
    each => each.name === name && JSON.stringify(each.dimensions) === wanted,
  )
}

/** A pool as a template asks for it: numbers and flags may be text there. */
async function provision() {
  const { service } = target.twin!.rds()
  const call = { requestId: '', service: 'rds', account: '111122223333', principal }
  const make = poolProvisioners(async (_, region, operation, input) =>
    service.operations[operation]!.run(input, { ...call, region, operation } as Call),
  )
  const desired = (properties: Record<string, unknown>) =>
    ({
      region: target.home,
      properties,
      tags: { team: 'one' },
      generatedName: 'Generated',
    }) as unknown as Desired
  const ofProxy = make['AWS::RDS::DBProxy']!
  const ofTargets = make['AWS::RDS::DBProxyTargetGroup']!
  const asked = desired({
    DBProxyName: 'templated',
    EngineFamily: 'POSTGRESQL',
    DefaultAuthScheme: 'IAM_AUTH',
    RequireTLS: 'true',
    IdleClientTimeout: '600',
    RoleArn: POOL_ROLE,
    VpcSubnetIds: ['subnet-1', 'subnet-2'],
    VpcSecurityGroupIds: ['sg-1'],
  })
  const made = await ofProxy.create(asked)
  const targets = desired({
    DBProxyName: 'templated',
    TargetGroupName: 'default',
    DBInstanceIdentifiers: ['writer'],
    ConnectionPoolConfigurationInfo: { MaxConnectionsPercent: '50', ConnectionBorrowTimeout: '10' },
  })
  const stored = (physical: Physical, from: Desired) =>
    ({ ...physical, region: from.region, properties: from.properties }) as unknown as Stored
  const group = await ofTargets.create(targets)
  return {
    made,
    ofProxy,
    again: () => ofProxy.update!(asked, stored(made, asked)),
    remove: async () => {
      await ofTargets.remove!(stored(group, targets))
      await ofProxy.remove!(stored(made, asked))
    },
  }
}

const counts = { count: 1, created: 1, changed: 0, removed: 0 }

const WRITER = { TargetGroup: 'default', TargetRole: 'READ_WRITE' }

if (!hasPooler) {
  test('without PgBouncer a template gets a recorded proxy, and up says what is missing', async () => {
    const { made, ofProxy, remove } = await provision()
    expect(made.attributes.Endpoint).toBe('templated.proxy-twin.us-east-1.rds.amazonaws.com')
    expect(typeTable([{ type: 'AWS::RDS::DBProxy', ...ofProxy, ...counts }])).toContain(
      'recorded, not on this machine: pgbouncer',
    )
    await remove()
  })

  test('without PgBouncer a proxy is written down at an address where nothing answers', async () => {
    expect(proxy.Endpoint).toBe('pool.proxy-twin.us-east-1.rds.amazonaws.com')
    await until(async () => target.twin!.metrics.some(({ name }) => name === 'DatabaseConnections'))
    expect(target.twin!.metrics.filter(({ dimensions }) => 'ProxyName' in dimensions)).toEqual([])
  })
} else {
  test('a template gets a proxy that serves at its address, again after a second deployment, until it is removed', async () => {
    const { made, ofProxy, again, remove } = await provision()
    expect(made.attributes.Endpoint).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(made.attributes.DBProxyArn).toMatch(/^arn:aws:rds:us-east-1:111122223333:db-proxy:prx-/)
    expect(await again()).toEqual(made)
    expect(typeTable([{ type: 'AWS::RDS::DBProxy', ...ofProxy, ...counts }])).toContain(
      'real, for IAM logins only',
    )
    const client = await enter('app', undefined, true, Number(String(made.attributes.Endpoint).split(':')[1]))
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await client.end()
    const before = watched.size
    await remove()
    expect(watched.size).toBe(before - 1)
  }, 60_000)

  test('clients enter by token over TLS, many on few connections of the instance', async () => {
    expect(proxy.Endpoint).toMatch(/^127\.0\.0\.1:\d+$/)
    const clients = await Promise.all(Array.from({ length: 12 }, () => enter('app')))
    await Promise.all(clients.map(client => client.query('select pg_catalog.pg_sleep(0.05)')))
    const { rows } = await master.query(
      "select count(*)::int as opened, min(application_name) as name from pg_stat_activity where usename = 'app'",
    )
    expect(rows).toEqual([{ opened: 3, name: 'from the pool' }])
    await until(async () => metric('ClientConnections')?.value === 12)
    expect(metric('MaxDatabaseConnectionsAllowed', WRITER)?.value).toBe(3)
    expect(metric('DatabaseConnections', WRITER)?.value).toBeLessThanOrEqual(3)
    expect(metric('AvailabilityPercentage', WRITER)?.value).toBe(100)
    const waited = await until(async () => metric('DatabaseConnectionsBorrowLatency'))
    expect(waited).toMatchObject({ unit: 'Microseconds', namespace: 'AWS/RDS', region: 'us-east-1' })
    expect(waited.value).toBeGreaterThan(10_000)
    await Promise.all(clients.map(client => client.end()))
  }, 60_000)

  test('a borrowed connection counts as borrowed, and who waits too long is turned away', async () => {
    const holders = await Promise.all([enter('app'), enter('app'), enter('app')])
    for (const holder of holders) await holder.query('begin')
    await until(async () => metric('DatabaseConnectionsCurrentlyBorrowed', WRITER)?.value === 3)
    const late = await enter('app')
    await expect(late.query('select 1')).rejects.toThrow(/query_wait_timeout/)
    await Promise.all([...holders, late].map(client => client.end().catch(() => {})))
  }, 60_000)

  test('the caller is asked for the proxy, and the role of the proxy for the instance', async () => {
    asked.length = 0
    await (await enter('app')).end()
    const id = proxy.DBProxyArn!.split(':').at(-1)
    expect(id).toMatch(/^prx-/)
    expect(asked).toEqual([
      `${POOL_ROLE} arn:aws:rds-db:us-east-1:111122223333:dbuser:${instance.DbiResourceId}/app`,
      `arn:aws:rds-db:us-east-1:111122223333:dbuser:${id}/app`,
    ])
  })

  test('logins that either policy, the password or the missing TLS forbids are refused and counted', async () => {
    const before = target.twin!.metrics.length
    mayCaller = false
    await expect(enter('app')).rejects.toThrow('PAM authentication failed for user "app"')
    mayCaller = true
    mayRole = false
    await expect(enter('app')).rejects.toThrow('PAM authentication failed for user "app"')
    mayRole = true
    await expect(enter('app', 'a guess')).rejects.toThrow('PAM authentication failed for user "app"')
    await expect(enter('app', undefined, false)).rejects.toThrow('no encryption')
    await expect(enter('clerk', 'of-old')).rejects.toThrow()
    await expect(enter('master', 'correct-horse')).rejects.toThrow()
    await expect(enter('pgbouncer')).rejects.toThrow()
    await expect(enter('rdsadmin')).rejects.toThrow('pg_hba.conf rejects connection')
    const refused = () =>
      target
        .twin!.metrics.slice(before)
        .filter(each => each.name === 'ClientConnectionsSetupFailedAuth' && 'EndpointName' in each.dimensions)
        .reduce((sum, { value }) => sum + value, 0)
    await until(async () => refused() === 8, 15)
  }, 60_000)

  test('clients stay over a failover of the instance, and a new life keeps the address', async () => {
    const client = await enter('app')
    await client.query('select 1')
    await target.twin!.rds().faults.killInstance({ region: target.home, instance: 'writer' })
    const answer = await until(
      () =>
        client.query('select 1 as one').then(
          ({ rows }) => rows,
          () => undefined,
        ),
      30,
    ).catch(() => 'the client was cut off')
    // PgBouncer sends a client away only if it was in a transaction: this one was not.
    expect(answer).toEqual([{ one: 1 }])
    await client.end()
    await target.twin!.restart()
    expect((await describeProxy()).Endpoint).toBe(proxy.Endpoint)
    const again = await until(() => enter('app').catch(() => undefined), 30)
    await again.end()
  }, 90_000)

  test('a pooler that dies comes back, and a deleted proxy leaves none', async () => {
    const [pid] = [...watched]
    process.kill(pid!, 'SIGKILL')
    const client = await until(() => enter('app').catch(() => undefined), 30)
    await client.end()
    expect(watched.has(pid!)).toBe(false)
    expect([...watched].filter(isAlive)).toHaveLength(1)
    await target.rds().send(new DeleteDBProxyCommand({ DBProxyName: 'pool' }))
    expect([...watched]).toEqual([])
    await expect(enter('app')).rejects.toThrow(/ECONNREFUSED/)
  }, 60_000)
}
