import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import type { ReplicationGroup } from '@aws-sdk/client-elasticache'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { typeTable } from '../../../bin/commands/up.ts'
import { cacheProvisioners } from '../../../twin/deploy/provision/cache.ts'
import type { Desired, Physical } from '../../../twin/deploy/provisioner.ts'
import { openAuthority } from '../../../twin/postgres/authority.ts'
import { isAlive } from '../../../twin/postgres/processes.ts'
import { cacheServer } from '../../../twin/services/elasticache/fleet.ts'
import { createElastiCache, type ElastiCacheService } from '../../../twin/services/elasticache/service.ts'
import { openCollection } from '../../../twin/state/collection.ts'
import type { Call } from '../../../twin/wire/call.ts'

const isAble = cacheServer() !== undefined
const root = mkdtempSync(join(tmpdir(), 'holdfast-cache-'))
const watched = new Set<number>()
const metrics: { name: string; value: number; unit: string; dimensions: Readonly<Record<string, string>> }[] =
  []
const logged: string[] = []
let cache: ElastiCacheService
let physical: Physical

beforeAll(async () => {
  chmodSync(root, 0o711)
  cache = await open()
  const { group } = await deploy()
  physical = group
}, 60_000)

afterAll(async () => {
  await cache.close()
  rmSync(root, { recursive: true, force: true })
  expect([...watched].filter(isAlive)).toEqual([])
}, 30_000)

async function open(): Promise<ElastiCacheService> {
  const authority = await openAuthority(join(root, 'tls'), ['us-east-1'])
  const made = createElastiCache({
    account: '111122223333',
    clock: Date.now,
    open: name => openCollection(join(root, 'elasticache', `${name}.json`)),
    root,
    certificate: authority.server,
    watch: { started: pid => watched.add(pid), ended: pid => watched.delete(pid) },
    emitMetric: ({ name, value, unit, dimensions }) => metrics.push({ name, value, unit, dimensions }),
    metricInterval: 200,
    log: line => logged.push(line),
  })
  await made.open()
  return made
}

const desired = (properties: Record<string, unknown>) =>
  ({
    region: 'us-east-1',
    account: '111122223333',
    properties,
    tags: {},
    generatedName: 'Generated',
  }) as unknown as Desired

/** As a template of a cache with one IAM user asks for it. */
async function deploy() {
  const make = cacheProvisioners(cache)
  const create = (type: string, properties: Record<string, unknown>) =>
    make[`AWS::ElastiCache::${type}`]!.create(desired(properties))
  await create('ParameterGroup', {
    CacheParameterGroupName: 'lfu',
    Properties: { 'maxmemory-policy': 'allkeys-lfu' },
  })
  await create('User', {
    UserId: 'app',
    UserName: 'app',
    Engine: 'valkey',
    AccessString: 'on ~* &* +@all -@dangerous -@admin +info',
    AuthenticationMode: { Type: 'iam' },
  })
  await create('UserGroup', { UserGroupId: 'users', UserIds: ['app'] })
  const group = await create('ReplicationGroup', {
    ReplicationGroupId: 'shop',
    ReplicationGroupDescription: 'cache of the shop',
    Engine: 'valkey',
    CacheNodeType: 'cache.t4g.small',
    NumCacheClusters: 2,
    TransitEncryptionEnabled: true,
    Port: 6379,
    UserGroupIds: ['users'],
    CacheParameterGroupName: 'lfu',
  })
  return { group, kind: make['AWS::ElastiCache::ReplicationGroup']! }
}

async function describe(): Promise<ReplicationGroup> {
  const { run } = cache.service.operations.DescribeReplicationGroups!
  const { ReplicationGroups } = await run({ ReplicationGroupId: 'shop' }, { region: 'us-east-1' } as Call)
  return ReplicationGroups[0]
}

/** What a node answers to commands in the protocol's inline form. */
async function say(port: number, ...commands: string[]): Promise<string[]> {
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port,
    ca: readFileSync(join(root, 'tls/ca.pem'), 'utf8'),
  })
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  socket.write([...commands, 'QUIT', ''].join('\r\n'))
  await new Promise((resolve, reject) => {
    socket.on('close', resolve)
    socket.on('error', reject)
  })
  return Buffer.concat(chunks).toString('utf8').split('\r\n').slice(0, -2)
}

async function until<T>(look: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  const deadline = Date.now() + 60_000
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > deadline) throw new Error(`waited in vain\n${logged.join('\n')}`)
    await sleep(50)
  }
}

const newest = (name: string, node: string) =>
  metrics.findLast(each => each.name === name && each.dimensions.CacheClusterId === node)?.value
const total = (name: string, node: string) =>
  metrics
    .filter(each => each.name === name && each.dimensions.CacheClusterId === node)
    .reduce((sum, { value }) => sum + value, 0)
const counts = { count: 1, created: 1, changed: 0, removed: 0 }

if (!isAble) {
  test('without a cache server a group is written down at an address where nothing answers', async () => {
    expect(physical.attributes['PrimaryEndPoint.Address']).toBe('master.shop.twin.cache.amazonaws.com')
    expect((await describe()).NodeGroups![0]!.NodeGroupMembers![0]!.ReadEndpoint).toBeUndefined()
    expect(metrics).toEqual([])
  })

  test('up says which program is missing', async () => {
    const { kind } = await deploy()
    const table = typeTable([{ type: 'AWS::ElastiCache::ReplicationGroup', ...kind, ...counts }])
    expect(table).toContain('recorded, not on this machine: valkey-server or redis-server')
  })
} else {
  const primary = () => Number(physical.attributes['PrimaryEndPoint.Port'])
  const reader = () => Number(physical.attributes['ReaderEndPoint.Port'])

  test('the primary takes what the replica then tells, both over TLS', async () => {
    expect(await say(primary(), 'AUTH app any-token', 'SET a 1')).toEqual(['+OK', '+OK'])
    await until(async () => (await say(reader(), 'AUTH app any-token', 'GET a')).at(-1) === '1')
    expect((await say(reader(), 'AUTH app any-token', 'SET a 2')).at(-1)).toMatch(/^-READONLY/)
    const [node] = (await describe()).NodeGroups!
    expect(
      node!.NodeGroupMembers!.map(({ CacheClusterId, ReadEndpoint }) => [CacheClusterId, ReadEndpoint]),
    ).toEqual([
      ['shop-001', { Address: '127.0.0.1', Port: primary() }],
      ['shop-002', { Address: '127.0.0.1', Port: reader() }],
    ])
  })

  test('only a user of the group enters, and does what its access string allows', async () => {
    expect((await say(primary(), 'GET a'))[0]).toMatch(/^-NOAUTH/)
    expect((await say(primary(), 'AUTH nobody x'))[0]).toMatch(/^-WRONGPASS/)
    expect((await say(primary(), 'AUTH app any-token', 'FLUSHALL'))[1]).toMatch(/^-NOPERM/)
    expect((await say(primary(), 'AUTH app any-token', 'CONFIG GET maxmemory'))[1]).toMatch(/^-NOPERM/)
  })

  test('each node tells its metrics', async () => {
    await until(() => newest('CacheHits', 'shop-001') !== undefined)
    const before = [total('CacheHits', 'shop-001'), total('CacheMisses', 'shop-001')]
    await say(primary(), 'AUTH app any-token', 'SET b 1', 'GET b', 'GET b', 'GET nothing')
    await until(
      () =>
        total('CacheHits', 'shop-001') === before[0]! + 2 &&
        total('CacheMisses', 'shop-001') === before[1]! + 1,
    )
    await until(() => newest('MasterLinkHealthStatus', 'shop-002') === 1)
    await until(() => (newest('ReplicationLag', 'shop-002') ?? 99) <= 1)
    expect(newest('MasterLinkHealthStatus', 'shop-001')).toBeUndefined()
    expect(newest('Evictions', 'shop-001')).toBe(0)
    expect(newest('CurrConnections', 'shop-001')).toBe(0)
    expect(newest('DatabaseMemoryUsagePercentage', 'shop-001')).toBeGreaterThan(0)
    expect(newest('EngineCPUUtilization', 'shop-001')).toBeGreaterThanOrEqual(0)
  })

  test('a node that dies comes back, and a new life keeps the addresses', async () => {
    const [pid] = [...watched]
    process.kill(pid!, 'SIGKILL')
    await until(async () =>
      watched.has(pid!)
        ? undefined
        : (await say(primary(), 'AUTH app t', 'PING').catch(() => [])).at(-1) === '+PONG',
    )
    await cache.close()
    expect([...watched]).toEqual([])
    cache = await open()
    expect((await say(primary(), 'AUTH app t', 'PING')).at(-1)).toBe('+PONG')
  })

  test('up says that it is real, and what it does not do', async () => {
    const make = cacheProvisioners(cache)
    const table = typeTable(
      ['ReplicationGroup', 'User'].map(name => {
        const type = `AWS::ElastiCache::${name}`
        return { type, ...make[type]!, ...counts }
      }),
    )
    expect(table).toContain('real, 64 MiB a node, no failover')
    expect(table).not.toContain('without TLS')
    expect(table).toContain('real, whose IAM tokens are not checked')
  })

  test('a removed group leaves no process', async () => {
    await cache.remove('us-east-1', 'shop')
    expect([...watched]).toEqual([])
  })
}
