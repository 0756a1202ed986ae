import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ListRolesCommand, SimulatePrincipalPolicyCommand } from '@aws-sdk/client-iam'
import { DescribeDBInstancesCommand } from '@aws-sdk/client-rds'
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { stopTwin } from '../../../bin/commands/down.ts'
import type { LiveTwin } from '../../../bin/target.ts'
import { askTwin, bringUp } from '../../../bin/twin-process.ts'
import { assembly } from '../../support/assembly.ts'
import type { Attack } from './attack.ts'
import { BEYOND_THE_WIRE, ONLY_LAMBDA } from './beyond-the-wire.ts'
import { ON_ARCHIVES, READS_THE_SECRET } from './on-archives.ts'
import { ON_DATABASE } from './on-database.ts'
import { deleteEntered, ENTERED, enter, restoreEntered, retag } from './on-logins.ts'
import { ON_WATCH } from './on-watch.ts'
import { ACCOUNT, AWAY, type Clients, clientsOf, HOME, type Keys, type Scene, setScene } from './scene.ts'

// Production as it is deployed, on a twin; the key of every role that code of ours runs under falls into wrong hands.
const folder = mkdtempSync(join(tmpdir(), 'holdfast-attacks-'))
let twin: LiveTwin
let root: Clients
let scene: Scene
let roles: readonly { readonly name: string; readonly arn: string }[]

const REFUSED = /^(AccessDenied|AccessDeniedException|AuthorizationErrorException)$/

beforeAll(async () => {
  chmodSync(folder, 0o711)
  process.env.HOLDFAST_TWINS = folder
  const { directory } = await assembly('prod')
  const request = { environment: 'prod', assembly: directory, only: [], noIam: false, pauseSchedules: true }
  twin = (await bringUp(request, () => {})).twin
  root = clientsOf(twin, twin.credentials, HOME)
  scene = await setScene(root)
  const { Roles = [] } = await root.iam.send(new ListRolesCommand({}))
  roles = Roles.filter(({ AssumeRolePolicyDocument = '' }) =>
    decodeURIComponent(AssumeRolePolicyDocument).includes('lambda.amazonaws.com'),
  ).map(({ RoleName = '', Arn = '' }) => ({ name: RoleName, arn: Arn }))
}, 300_000)

afterAll(async () => {
  root?.[Symbol.dispose]()
  if (twin) await stopTwin(twin)
  rmSync(folder, { recursive: true, force: true })
}, 60_000)

/** Every attack by every role that was not stopped, as `role: attack: how it ended`. */
async function holes(attacks: readonly Attack[], except = /^$/): Promise<string[]> {
  const found: string[] = []
  for (const { name, arn } of roles.filter(role => !except.test(role.name))) {
    const keys = await askTwin<Keys>(twin, 'key-of-role', { role: arn })
    using home = clientsOf(twin, keys, HOME)
    using away = clientsOf(twin, keys, AWAY)
    for (const attack of attacks) {
      const end = await attack.strike(attack.away ? away : home, scene).then(
        () => 'done',
        error => error.name as string,
      )
      if (!(attack.stoppedBy ?? REFUSED).test(end)) found.push(`${name}: ${attack.what}: ${end}`)
    }
  }
  return found
}

test('there is a role to steal for every function, in both regions', () => {
  expect(roles.filter(({ name }) => name.startsWith('shop-prod-recovery-Functions'))).toHaveLength(11)
  expect(roles.filter(({ name }) => name.startsWith('shop-prod-standby-recovery-Functions'))).toHaveLength(5)
})

describe('no role of a function', () => {
  test('hurts production, its replicas, its standby or their backups', async () => {
    expect(await holes(ON_DATABASE)).toEqual([])
  }, 300_000)

  test('destroys or forges what keeps the past, or takes the keys to it', async () => {
    const others = ON_ARCHIVES.filter(attack => attack !== READS_THE_SECRET)
    expect(await holes(others)).toEqual([])
    expect(await holes([READS_THE_SECRET], /FunctionsMigrate/)).toEqual([])
  }, 300_000)

  test('silences the watch, or changes what runs', async () => {
    expect(await holes(ON_WATCH)).toEqual([])
  }, 300_000)

  test('may anything that the twin has no operation for', async () => {
    const allowed: string[] = []
    for (const { name, arn } of roles)
      for (const [resource, actions] of BEYOND_THE_WIRE)
        allowed.push(...(await simulate(name, arn, resource, actions)))
    expect(allowed).toEqual([])
  })

  test('lets its code use what Lambda needs to put it into the VPC', async () => {
    const allowed: string[] = []
    for (const { name, arn } of roles)
      allowed.push(
        ...(await simulate(name, arn, '*', ONLY_LAMBDA, `arn:aws:lambda:${HOME}:${ACCOUNT}:function:any`)),
      )
    expect(allowed).toEqual([])
  })
})

async function simulate(
  name: string,
  arn: string,
  resource: string,
  actions: readonly string[],
  sourceFunction?: string,
): Promise<string[]> {
  const { EvaluationResults = [] } = await root.iam.send(
    new SimulatePrincipalPolicyCommand({
      PolicySourceArn: arn,
      ActionNames: [...actions],
      ResourceArns: [resource],
      ContextEntries: sourceFunction
        ? [
            {
              ContextKeyName: 'lambda:SourceFunctionArn',
              ContextKeyType: 'string',
              ContextKeyValues: [sourceFunction],
            },
          ]
        : [],
    }),
  )
  return EvaluationResults.filter(({ EvalDecision }) => EvalDecision === 'allowed').map(
    ({ EvalActionName }) => `${name}: ${EvalActionName} on ${resource}`,
  )
}

test('the archiver still adds a segment, whole and in parts, locked as long as it is kept', async () => {
  const role = roles.find(({ name }) => name.startsWith('shop-prod-recovery-FunctionsArchiverRole'))
  using archiver = clientsOf(twin, await askTwin<Keys>(twin, 'key-of-role', { role: role?.arn }), HOME)
  const { Bucket } = scene.segment
  const lock = {
    ChecksumAlgorithm: 'SHA256',
    ObjectLockMode: 'COMPLIANCE',
    ObjectLockRetainUntilDate: new Date(Date.now() + 30 * 86_400_000),
  } as const
  await archiver.s3.send(
    new PutObjectCommand({ Bucket, Key: 'segments/2', Body: 'x', IfNoneMatch: '*', ...lock }),
  )
  const at = { Bucket, Key: 'segments/3' }
  const { UploadId } = await archiver.s3.send(new CreateMultipartUploadCommand({ ...at, ...lock }))
  const part = { ...at, UploadId, PartNumber: 1 }
  const sent = await archiver.s3.send(
    new UploadPartCommand({ ...part, Body: 'x', ChecksumAlgorithm: 'SHA256' }),
  )
  await archiver.s3.send(
    new CompleteMultipartUploadCommand({
      ...at,
      UploadId,
      IfNoneMatch: '*',
      MultipartUpload: {
        Parts: [{ PartNumber: 1, ETag: sent.ETag, ChecksumSHA256: sent.ChecksumSHA256 }],
      },
    }),
  )
})

describe('a database user of ours', () => {
  const [home, drill] = [{ 'holdfast:environment': 'shop-prod' }, { 'holdfast:drill': '0123456789' }]
  const [elsewhere, restored] = [{ 'holdfast:environment': 'shop-dev' }, { 'holdfast:restored': 'shop-prod' }]
  const [REFUSED_LOGIN, IN] = ['28000', 'in']
  const USERS = [
    ['Heartbeat', 'holdfast_heartbeat'],
    ['Archiver', 'holdfast_archiver'],
    ['Workload', 'holdfast_workload'],
    ['Examine', 'holdfast_examine'],
    ['RollForward', 'holdfast_roll_forward'],
  ] as const

  async function doors(identifier: string): Promise<Record<string, string>> {
    const found: Record<string, string> = {}
    for (const [verb, user] of USERS) {
      const role = roles.find(({ name }) => name.startsWith(`shop-prod-recovery-Functions${verb}Role`))
      const keys = await askTwin<Keys>(twin, 'key-of-role', { role: role?.arn })
      found[verb] = await enter(twin, root, { keys, user }, identifier)
    }
    return found
  }
  const [ALL_IN, ALL_OUT] = [IN, REFUSED_LOGIN].map(end =>
    Object.fromEntries(USERS.map(([verb]) => [verb, end])),
  )

  beforeAll(() => restoreEntered(root), 120_000)
  afterAll(() => deleteEntered(root), 120_000)

  test('of the roll-forward stays out of production and its replicas, and the others come in', async () => {
    expect(await doors('shop-prod')).toEqual({ ...ALL_IN, RollForward: REFUSED_LOGIN })
    expect((await doors('shop-prod-read-2')).RollForward).toBe(REFUSED_LOGIN)
  })

  test.each([
    ['a copy of a drill', { ...home, ...drill }],
    ['a copy that a restore is proving', { ...home, ...drill, ...restored }],
  ])('enters %s only to examine and to roll forward', async (_what, tags) => {
    await retag(root, tags)
    expect(await doors(ENTERED)).toEqual({ ...ALL_OUT, Examine: IN, RollForward: IN })
  })

  test.each([
    ['a restored instance that has its name', { ...home, ...restored }],
    ['another environment of the account', elsewhere],
    ['a copy of another environment', { ...elsewhere, ...drill }],
    ['an instance that bears the tag of a drill alone', drill],
    ['an instance without tags of ours', { 'holdfast:owner': 'platform' }],
  ])('does not enter %s', async (_what, tags) => {
    await retag(root, tags)
    expect(await doors(ENTERED)).toEqual(ALL_OUT)
  })
})

test('after all of it production and the past are as they were', async () => {
  const { DBInstances = [] } = await root.rds.send(new DescribeDBInstancesCommand({}))
  expect(
    DBInstances.map(({ DBInstanceIdentifier, DBInstanceStatus, DeletionProtection }) => [
      DBInstanceIdentifier,
      DBInstanceStatus,
      DeletionProtection,
    ]),
  ).toEqual([
    ['drill-proving-shop-prod-again', 'available', false],
    ['drill-shop-prod-attack', 'available', false],
    ['drill-shop-prod-eu-0123456789', 'available', false],
    ['shop-prod', 'available', true],
    ['shop-prod-analytics', 'available', true],
    ['shop-prod-read-1', 'available', true],
    ['shop-prod-read-2', 'available', true],
  ])
  for (const { Bucket, Key } of [scene.evidence, scene.segment]) {
    const { Body } = await root.s3.send(new GetObjectCommand({ Bucket, Key }))
    expect(await Body?.transformToString()).toBe('as it was written')
  }
})
