import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openS3 } from '../../../lambdas/archiver/bucket.ts'
import { openWire, type Stall } from './crash.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig

beforeAll(async () => {
  rig = await openRig()
  await rig.sql('create table item (id bigint generated always as identity primary key)')
  await rig.run()
})

afterAll(() => rig.close())

const archived = async () =>
  (await rig.changes()).flatMap(({ change, relations }) =>
    change.kind === 'insert' && relations[0]?.name === 'item' ? [Number(change.row[0])] : [],
  )

const stalls: [string, Stall, number[]][] = [
  ['the put', { method: 'PUT', path: /\.segment/, what: 'request' }, [1]],
  ['the answer to the put', { method: 'PUT', path: /\.segment/, what: 'answer' }, [1, 2]],
  ['the reading back', { method: 'GET', path: /\.segment/, what: 'request' }, [1, 2, 3]],
]

test.each(stalls)(
  'a run fails when S3 is silent over %s, and the next goes on',
  async (_, stall, ids) => {
    await rig.sql('insert into item default values')
    const wire = await openWire(rig.url, stall)
    const credentials = await rig.destination.s3.config.credentials()
    const s3 = openS3(
      { endpoint: wire.url, region: 'eu-west-1', forcePathStyle: true, credentials, maxAttempts: 1 },
      500,
    )
    await expect(rig.run({ destination: { ...rig.destination, s3 } })).rejects.toThrow(
      expect.objectContaining({ name: 'TimeoutError' }),
    )
    s3.destroy()
    await wire.close()
    expect(await rig.run()).toMatchObject({ state: 'archived', gaps: [] })
    expect(await archived()).toEqual(ids)
  },
  60_000,
)
