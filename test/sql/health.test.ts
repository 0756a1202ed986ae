import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Lab, openLab, type Server, until } from '../../bench/lab.ts'
import type { Cluster } from '../../twin/postgres/cluster.ts'
import { createReplica } from '../../twin/postgres/replica.ts'

type Health = {
  readonly is_replica: boolean
  readonly connections: number
  readonly max_connections: number
  readonly connections_percent: number
  readonly seconds_behind: number | null
  readonly replicas: number | null
  readonly slowest_replica_seconds: number | null
}

describe.each([18, 17] as const)('the health check on PostgreSQL %i', version => {
  let lab: Lab
  let cluster: Cluster | undefined
  let replica: Server

  beforeAll(async () => {
    lab = await openLab(version, { max_connections: 50 })
    await lab.primary.run(
      `create role shop login password 'master'; create role stranger login password 'master';
       grant holdfast_health to shop; truncate holdfast.heartbeat`,
    )
    cluster = await createReplica({
      source: lab.primary.cluster,
      to: join(lab.folder, 'replica'),
      slot: 'replica',
      settings: { max_connections: 50 },
    })
    replica = lab.around(cluster, 'shop-prod-standby')
  }, 120_000)

  afterAll(async () => {
    await cluster?.stop('immediate')
    await lab?.close()
  })

  async function health(server: Server, user = 'shop'): Promise<Health> {
    const client = await server.connect(user)
    try {
      return (await client.query<Health>('select * from holdfast.health()')).rows[0]!
    } finally {
      await client.end()
    }
  }

  test('counts the sessions of clients against the limit', async () => {
    const before = await health(lab.primary)
    const more = await Promise.all(Array.from({ length: 5 }, () => lab.primary.connect('shop')))
    const now = await health(lab.primary)
    await Promise.all(more.map(client => client.end()))
    expect(now).toMatchObject({ is_replica: false, max_connections: 50, seconds_behind: 0 })
    expect(now.connections - before.connections).toBe(5)
    expect(now.connections_percent).toBe(now.connections * 2)
  })

  test('the primary counts the replicas that stream, and says how far the slowest is', async () => {
    await until('a replica that streams', async () => (await health(lab.primary)).replicas === 1)
    expect((await health(lab.primary)).slowest_replica_seconds).toBeGreaterThanOrEqual(0)
  })

  test('a replica without any heartbeat does not know how far behind it is', async () => {
    expect(await health(replica)).toMatchObject({ is_replica: true, seconds_behind: null, replicas: null })
  })

  test('a replica is as far behind as its newest heartbeat is old, until the next one arrives', async () => {
    await lab.primary.run(
      `insert into holdfast.heartbeat (at, instance, code) values (now() - interval '90 seconds', 'i', 'c')`,
    )
    const behind = await until('the old heartbeat', async () => (await health(replica)).seconds_behind)
    expect(behind).toBeGreaterThanOrEqual(90)
    await lab.beat()
    await until('the new heartbeat', async () => Number((await health(replica)).seconds_behind) < 80)
  })

  test('only who was granted holdfast_health may ask', async () => {
    await expect(health(lab.primary, 'stranger')).rejects.toMatchObject({ code: '42501' })
  })
})
