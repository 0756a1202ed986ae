import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { App, Stack } from 'aws-cdk-lib'
import { Key } from 'aws-cdk-lib/aws-kms'
import { CfnSubscription } from 'aws-cdk-lib/aws-sns'
import { parseConfig } from '../../config/parse.ts'
import { Paging } from '../../lib/paging.ts'
import { Topics } from '../../lib/topics.ts'
import { draft } from '../config/draft.ts'

const outdir = mkdtempSync(join(tmpdir(), 'holdfast-paging-'))
afterAll(() => rmSync(outdir, { recursive: true }))

/** Who hears which topic. */
function subscriptions(paging: Record<string, unknown>) {
  const stack = new Stack(new App({ outdir }), 'stack')
  const config = parseConfig(draft({ paging }))
  const topics = new Topics(stack, 'Topics', { config, key: new Key(stack, 'Key') })
  new Paging(stack, 'Paging', { config, topics, instances: [] })
  return stack.node
    .findAll()
    .filter(construct => construct instanceof CfnSubscription)
    .map(({ topicArn, protocol, endpoint }) => [
      topicArn === topics.pages.topicArn ? 'pages' : topicArn === topics.warnings.topicArn ? 'warnings' : '?',
      protocol,
      stack.resolve(endpoint),
    ])
}

test('reads the pager’s address from a secret, which the template only names', () => {
  expect(subscriptions({ email: undefined, pagerSecret: 'shop/prod/pager' })).toEqual([
    ['pages', 'https', '{{resolve:secretsmanager:shop/prod/pager}}'],
  ])
})

test('sends warnings by e-mail beside a pager, and pages too where there is none', () => {
  expect(subscriptions({ email: 'ops@shop.example', pagerSecret: 'shop/prod/pager' })).toEqual([
    ['pages', 'https', '{{resolve:secretsmanager:shop/prod/pager}}'],
    ['warnings', 'email', 'ops@shop.example'],
  ])
  expect(subscriptions({ email: 'ops@shop.example' })).toEqual([
    ['warnings', 'email', 'ops@shop.example'],
    ['pages', 'email', 'ops@shop.example'],
  ])
})
