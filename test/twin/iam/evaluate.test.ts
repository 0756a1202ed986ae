import { describe, expect, test } from '@jest/globals'
import { contextOf } from '../../../twin/iam/context.ts'
import { parsePolicy } from '../../../twin/iam/document.ts'
import { type Caller, evaluate, type Inquiry } from '../../../twin/iam/evaluate.ts'

const role: Caller = {
  kind: 'role',
  roleArn: 'arn:aws:iam::111122223333:role/drill',
  sessionArn: 'arn:aws:sts::111122223333:assumed-role/drill/one',
  account: '111122223333',
}
const root: Caller = { kind: 'root', account: '111122223333' }
const PRODUCTION = 'arn:aws:rds:eu-west-1:111122223333:db:shop-prod'
const COPY = 'arn:aws:rds:eu-west-1:111122223333:db:drill-shop-prod-1'

const policy = (...statements: object[]) =>
  parsePolicy('test', { Version: '2012-10-17', Statement: statements })
const allow = (rest: object) => ({ Effect: 'Allow', Action: '*', Resource: '*', ...rest })
const deny = (rest: object) => ({ Effect: 'Deny', Action: '*', Resource: '*', ...rest })

type Row = {
  readonly says: string
  readonly statements?: object[]
  readonly resource?: object[]
  readonly boundary?: object[]
  readonly action?: string
  readonly on?: string
  readonly context?: Record<string, string | string[]>
  readonly caller?: Caller
  readonly decides?: boolean
  readonly is: 'allowed' | 'denied' | 'implicit'
}

function ask(row: Omit<Row, 'says' | 'is'>): Row['is'] {
  const inquiry: Inquiry = {
    caller: row.caller ?? role,
    action: row.action ?? 'rds:DeleteDBInstance',
    resource: row.on ?? COPY,
    context: contextOf(row.context),
    identityPolicies: row.statements ? [policy(...row.statements)] : [],
    ...(row.boundary && { boundary: policy(...row.boundary) }),
    ...(row.resource && { resourcePolicy: policy(...row.resource) }),
    resourcePolicyDecides: row.decides ?? false,
  }
  const decision = evaluate(inquiry)
  return decision.allowed ? 'allowed' : decision.explicit ? 'denied' : 'implicit'
}

const when = (operator: string, key: string, value: string | string[]) => ({
  Condition: { [operator]: { [key]: value } },
})
const ownKey = [
  { Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::111122223333:root' }, Action: 'kms:*', Resource: '*' },
]

const TABLE: Row[] = [
  { says: 'nothing allows: implicit deny', is: 'implicit' },
  { says: 'an allow of everything', statements: [allow({})], is: 'allowed' },
  { says: 'a deny wins over an allow before it', statements: [allow({}), deny({})], is: 'denied' },
  { says: 'a deny wins over an allow after it', statements: [deny({}), allow({})], is: 'denied' },
  { says: 'actions ignore case', statements: [allow({ Action: 'RDS:deletedbinstance' })], is: 'allowed' },
  { says: 'actions take wildcards', statements: [allow({ Action: 'rds:Delete*' })], is: 'allowed' },
  { says: 'one character is one', statements: [allow({ Action: 'rds:DeleteDBInstanc?' })], is: 'allowed' },
  {
    says: 'one character is not two',
    statements: [allow({ Action: 'rds:DeleteDBInstan?' })],
    is: 'implicit',
  },
  { says: 'a prefix alone is no match', statements: [allow({ Action: 'rds:Delete' })], is: 'implicit' },
  { says: 'resources heed case', statements: [allow({ Resource: COPY.toUpperCase() })], is: 'implicit' },
  {
    says: 'a dot in a pattern is a dot',
    statements: [allow({ Resource: COPY.replace('drill', 'd.ill') })],
    is: 'implicit',
  },
  {
    says: 'resources take wildcards',
    statements: [allow({ Resource: 'arn:aws:rds:*:*:db:drill-*' })],
    is: 'allowed',
  },
  {
    says: 'production is not of the drill pattern',
    statements: [allow({ Resource: 'arn:aws:rds:*:*:db:drill-*' })],
    on: PRODUCTION,
    is: 'implicit',
  },
  {
    says: 'NotResource denies all but the copies',
    statements: [allow({}), { Effect: 'Deny', Action: 'rds:*', NotResource: 'arn:aws:rds:*:*:db:drill-*' }],
    on: PRODUCTION,
    is: 'denied',
  },
  {
    says: 'NotResource spares the copies',
    statements: [allow({}), { Effect: 'Deny', Action: 'rds:*', NotResource: 'arn:aws:rds:*:*:db:drill-*' }],
    is: 'allowed',
  },
  {
    says: 'NotAction allows the rest',
    statements: [{ Effect: 'Allow', NotAction: 'iam:*', Resource: '*' }],
    is: 'allowed',
  },
  {
    says: 'NotAction leaves its own out',
    statements: [{ Effect: 'Allow', NotAction: 'rds:Delete*', Resource: '*' }],
    is: 'implicit',
  },
  {
    says: 'a resource tag that is there',
    statements: [allow(when('StringEquals', 'aws:ResourceTag/holdfast:drill', 'd1'))],
    context: { 'aws:ResourceTag/holdfast:drill': 'd1' },
    is: 'allowed',
  },
  {
    says: 'a resource tag that is missing',
    statements: [allow(when('StringEquals', 'aws:ResourceTag/holdfast:drill', 'd1'))],
    is: 'implicit',
  },
  {
    says: 'condition keys ignore case',
    statements: [allow(when('StringEquals', 'AWS:resourcetag/holdfast:drill', 'd1'))],
    context: { 'aws:ResourceTag/holdfast:drill': 'd1' },
    is: 'allowed',
  },
  {
    says: 'a negated operator holds for a missing key',
    statements: [allow(when('StringNotEquals', 'aws:ResourceTag/x', 'y'))],
    is: 'allowed',
  },
  {
    says: 'a negated operator fails when one value is equal',
    statements: [allow(when('StringNotEquals', 'aws:ResourceTag/x', ['a', 'y']))],
    context: { 'aws:ResourceTag/x': 'y' },
    is: 'implicit',
  },
  {
    says: 'IfExists holds for a missing key',
    statements: [allow(when('StringEqualsIfExists', 'a:b', 'c'))],
    is: 'allowed',
  },
  {
    says: 'IfExists compares a key that is there',
    statements: [allow(when('StringEqualsIfExists', 'a:b', 'c'))],
    context: { 'a:b': 'd' },
    is: 'implicit',
  },
  {
    says: 'Null true holds for a missing key',
    statements: [allow(when('Null', 'a:b', 'true'))],
    is: 'allowed',
  },
  { says: 'Null false wants the key', statements: [allow(when('Null', 'a:b', 'false'))], is: 'implicit' },
  {
    says: 'ForAllValues wants every value',
    statements: [allow(when('ForAllValues:StringEquals', 'aws:TagKeys', ['a', 'b']))],
    context: { 'aws:TagKeys': ['a', 'c'] },
    is: 'implicit',
  },
  {
    says: 'ForAllValues holds for no values',
    statements: [allow(when('ForAllValues:StringEquals', 'aws:TagKeys', ['a']))],
    is: 'allowed',
  },
  {
    says: 'ForAnyValue wants one value',
    statements: [allow(when('ForAnyValue:StringLike', 'aws:TagKeys', 'hold*'))],
    context: { 'aws:TagKeys': ['x', 'holdfast:drill'] },
    is: 'allowed',
  },
  {
    says: 'ForAnyValue fails for no values',
    statements: [allow(when('ForAnyValue:StringEquals', 'aws:TagKeys', 'a'))],
    is: 'implicit',
  },
  {
    says: 'numbers compare as numbers',
    statements: [allow(when('NumericLessThanEquals', 's3:max-keys', '10'))],
    context: { 's3:max-keys': '9' },
    is: 'allowed',
  },
  {
    says: 'dates compare as dates',
    statements: [allow(when('DateLessThan', 'aws:CurrentTime', '2026-12-01T00:00:00Z'))],
    context: { 'aws:CurrentTime': '2026-11-20T00:00:00Z' },
    is: 'allowed',
  },
  {
    says: 'addresses compare as blocks',
    statements: [allow(when('IpAddress', 'aws:SourceIp', '10.0.0.0/8'))],
    context: { 'aws:SourceIp': '10.1.2.3' },
    is: 'allowed',
  },
  {
    says: 'ARN operators compare part by part',
    statements: [allow(when('ArnLike', 'aws:SourceArn', 'arn:aws:sns:*:111122223333:pages'))],
    context: { 'aws:SourceArn': 'arn:aws:sns:eu-west-1:111122223333:pages' },
    is: 'allowed',
  },
  {
    says: 'a star in one part of an ARN does not reach over the colons',
    statements: [allow(when('ArnLike', 'aws:SourceArn', 'arn:aws:sns:*:pages'))],
    context: { 'aws:SourceArn': 'arn:aws:sns:eu-west-1:111122223333:pages' },
    is: 'implicit',
  },
  {
    says: 'Bool compares',
    statements: [allow({}), deny(when('Bool', 'aws:SecureTransport', 'false'))],
    context: { 'aws:SecureTransport': 'true' },
    is: 'allowed',
  },
  {
    says: 'two keys of one condition must both hold',
    statements: [allow({ Condition: { StringEquals: { 'a:b': '1', 'a:c': '2' } } })],
    context: { 'a:b': '1', 'a:c': '3' },
    is: 'implicit',
  },
  {
    says: 'a variable takes the value of the call',
    statements: [
      allow({ Resource: 'arn:aws:rds:eu-west-1:111122223333:db:drill-${aws:PrincipalTag/app}-*' }),
    ],
    context: { 'aws:PrincipalTag/app': 'shop-prod' },
    is: 'allowed',
  },
  {
    says: 'a star in the value of a variable is text',
    statements: [allow({ Resource: 'arn:aws:rds:eu-west-1:111122223333:db:${aws:PrincipalTag/app}' })],
    context: { 'aws:PrincipalTag/app': '*' },
    is: 'implicit',
  },
  {
    says: 'a variable without a value matches nothing',
    statements: [allow({ Resource: '*${aws:PrincipalTag/app}' })],
    is: 'implicit',
  },
  {
    says: 'a variable falls back on its default',
    statements: [allow({ Resource: "arn:aws:rds:*:*:db:${aws:PrincipalTag/app, 'drill'}-*" })],
    is: 'allowed',
  },
  {
    says: 'a boundary that does not allow',
    statements: [allow({})],
    boundary: [allow({ Action: 's3:*' })],
    is: 'implicit',
  },
  {
    says: 'a boundary that allows',
    statements: [allow({})],
    boundary: [allow({ Action: 'rds:*' })],
    is: 'allowed',
  },
  { says: 'a boundary alone grants nothing', boundary: [allow({})], is: 'implicit' },
  { says: 'a boundary that denies', statements: [allow({})], boundary: [allow({}), deny({})], is: 'denied' },
  {
    says: 'a resource policy that names the role is enough',
    resource: [
      {
        Effect: 'Allow',
        Principal: { AWS: 'arn:aws:iam::111122223333:role/drill' },
        Action: '*',
        Resource: '*',
      },
    ],
    is: 'allowed',
  },
  {
    says: 'a resource policy for the account is not',
    resource: [{ Effect: 'Allow', Principal: { AWS: '111122223333' }, Action: '*', Resource: '*' }],
    is: 'implicit',
  },
  {
    says: 'a resource policy denies what the role may',
    statements: [allow({})],
    resource: [{ Effect: 'Deny', Principal: '*', Action: 'rds:Delete*', Resource: '*' }],
    is: 'denied',
  },
  {
    says: 'a resource policy for another role changes nothing',
    statements: [allow({})],
    resource: [
      {
        Effect: 'Deny',
        Principal: { AWS: 'arn:aws:iam::111122223333:role/other' },
        Action: '*',
        Resource: '*',
      },
    ],
    is: 'allowed',
  },
  {
    says: 'NotPrincipal in a deny spares the role it names',
    statements: [allow({})],
    resource: [
      {
        Effect: 'Deny',
        NotPrincipal: { AWS: 'arn:aws:iam::111122223333:role/drill' },
        Action: '*',
        Resource: '*',
      },
    ],
    is: 'allowed',
  },
  {
    says: 'NotPrincipal in a deny hits every other role',
    statements: [allow({})],
    resource: [
      {
        Effect: 'Deny',
        NotPrincipal: { AWS: 'arn:aws:iam::111122223333:role/other' },
        Action: '*',
        Resource: '*',
      },
    ],
    is: 'denied',
  },
  {
    says: 'a key policy that delegates leaves it to the role',
    statements: [allow({ Action: 'kms:Sign' })],
    resource: ownKey,
    decides: true,
    action: 'kms:Sign',
    is: 'allowed',
  },
  {
    says: 'a key policy that delegates grants nothing by itself',
    resource: ownKey,
    decides: true,
    action: 'kms:Sign',
    is: 'implicit',
  },
  {
    says: 'a key policy that does not delegate makes identity policies void',
    statements: [allow({ Action: 'kms:*' })],
    resource: [
      {
        Effect: 'Allow',
        Principal: { AWS: 'arn:aws:iam::111122223333:role/other' },
        Action: 'kms:*',
        Resource: '*',
      },
    ],
    decides: true,
    action: 'kms:Sign',
    is: 'implicit',
  },
  { says: 'root may', caller: root, is: 'allowed' },
  {
    says: 'root is stopped by a resource policy',
    caller: root,
    resource: [{ Effect: 'Deny', Principal: '*', Action: '*', Resource: '*' }],
    is: 'denied',
  },
  {
    says: 'a service may where the resource says so',
    caller: { kind: 'service', name: 'cloudwatch.amazonaws.com', account: '111122223333' },
    resource: [
      { Effect: 'Allow', Principal: { Service: 'cloudwatch.amazonaws.com' }, Action: '*', Resource: '*' },
    ],
    is: 'allowed',
  },
  {
    says: 'a service may not where the resource names another',
    caller: { kind: 'service', name: 'cloudwatch.amazonaws.com', account: '111122223333' },
    resource: [
      { Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' }, Action: '*', Resource: '*' },
    ],
    is: 'implicit',
  },
]

describe('IAM decides', () => {
  test.each(TABLE)('$says: $is', ({ is, says: _, ...row }) => {
    expect(ask(row)).toBe(is)
  })
})

/** A small generator with a seed, so that a failure can be run again. */
function* random(seed: number): Generator<number> {
  let state = seed
  for (;;) {
    state = (state * 1664525 + 1013904223) % 4294967296
    yield state / 4294967296
  }
}

const ACTIONS = ['*', 'rds:*', 'rds:Delete*', 'rds:DeleteDBInstance', 's3:*', 'rds:Describe?']
const RESOURCES = ['*', 'arn:aws:rds:*:*:db:drill-*', PRODUCTION, COPY, 'arn:aws:s3:::bucket/*']
const CONDITIONS = [
  {},
  when('StringEquals', 'aws:ResourceTag/d', '1'),
  when('StringNotEquals', 'aws:ResourceTag/d', '1'),
  when('Null', 'aws:ResourceTag/d', 'true'),
]

function scenario(seed: number) {
  const numbers = random(seed)
  const draw = <T>(from: readonly T[]): T => from[Math.floor(numbers.next().value! * from.length)]!
  const statement = () => {
    const shape = draw([allow, deny, allow])
    const action = draw([{ Action: draw(ACTIONS) }, { Action: undefined, NotAction: draw(ACTIONS) }])
    return JSON.parse(
      JSON.stringify({ ...shape({ Resource: draw(RESOURCES) }), ...action, ...draw(CONDITIONS) }),
    )
  }
  return {
    statements: Array.from({ length: 1 + Math.floor(numbers.next().value! * 4) }, statement),
    on: draw([PRODUCTION, COPY]),
    context: draw([{}, { 'aws:ResourceTag/d': '1' }, { 'aws:ResourceTag/d': '2' }]) as Record<string, string>,
    extra: statement(),
  }
}

describe('for any policy', () => {
  const seeds = Array.from({ length: 2000 }, (_, seed) => seed)

  test('the order of statements does not matter', () => {
    for (const seed of seeds) {
      const row = scenario(seed)
      expect([seed, ask({ ...row, statements: row.statements.toReversed() })]).toEqual([seed, ask(row)])
    }
  })

  test('a further deny never opens, a further allow never closes', () => {
    for (const seed of seeds) {
      const row = scenario(seed)
      const before = ask(row)
      const after = ask({ ...row, statements: [...row.statements, row.extra] })
      if (row.extra.Effect === 'Deny')
        expect([seed, after === 'allowed' && before !== 'allowed']).toEqual([seed, false])
      else expect([seed, before === 'allowed' && after !== 'allowed']).toEqual([seed, false])
      if (before === 'denied') expect([seed, after]).toEqual([seed, 'denied'])
    }
  })

  test('a boundary of everything changes nothing, and one of nothing closes all', () => {
    for (const seed of seeds) {
      const row = scenario(seed)
      expect([seed, ask({ ...row, boundary: [allow({})] })]).toEqual([seed, ask(row)])
      expect([seed, ask({ ...row, boundary: [allow({ Action: 'none:None' })] })]).not.toEqual([
        seed,
        'allowed',
      ])
    }
  })
})

describe('a malformed policy', () => {
  test.each([
    [
      { Statement: [{ Effect: 'Permit', Action: '*', Resource: '*' }] },
      'has the effect Permit in statement 0',
    ],
    [{ Statement: [{ Effect: 'Allow', Resource: '*' }] }, 'needs one of Action and NotAction in statement 0'],
    [{ Statement: [{ Effect: 'Allow', Acton: '*' }] }, 'has the unknown member Acton in statement 0'],
    [{ Statements: [] }, 'has the unknown member Statements'],
  ])('is refused by what is wrong with it: %j', (document, message) => {
    expect(() => parsePolicy('p', document)).toThrow(message)
  })

  test('is refused by the operator that IAM does not have', () => {
    expect(() => ask({ statements: [allow(when('StringIs', 'a:b', 'c'))] })).toThrow(
      'unknown condition operator StringIs',
    )
  })
})
