import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Call } from '../../../twin/wire/call.ts'
import { openTarget, type Target } from '../../contract/target.ts'

let target: Target

beforeAll(async () => {
  target = await openTarget()
})
afterAll(() => target.close())

const ask = (operation: string, input: object) => {
  const call = { region: 'us-east-1', account: '111122223333', operation } as Call
  return target.twin!.rds().service.operations[operation]!.questions(input, call)
}

test('a restore asks about source, copy and every group, and about tagging what it tags', () => {
  const questions = ask('RestoreDBInstanceToPointInTime', {
    SourceDBInstanceIdentifier: 'shop-prod',
    TargetDBInstanceIdentifier: 'drill-shop-prod-1',
    DBParameterGroupName: 'shop-prod-drill',
    DBSubnetGroupName: 'shop-prod',
    Tags: [{ Key: 'holdfast:drill', Value: '1' }],
  })
  expect(questions.map(({ action, resource }) => [action, resource])).toEqual([
    ['rds:RestoreDBInstanceToPointInTime', 'arn:aws:rds:us-east-1:111122223333:db:shop-prod'],
    ['rds:RestoreDBInstanceToPointInTime', 'arn:aws:rds:us-east-1:111122223333:db:drill-shop-prod-1'],
    ['rds:AddTagsToResource', 'arn:aws:rds:us-east-1:111122223333:db:drill-shop-prod-1'],
    ['rds:RestoreDBInstanceToPointInTime', 'arn:aws:rds:us-east-1:111122223333:pg:shop-prod-drill'],
    ['rds:RestoreDBInstanceToPointInTime', 'arn:aws:rds:us-east-1:111122223333:subgrp:shop-prod'],
    ['rds:RestoreDBInstanceToPointInTime', 'arn:aws:rds:us-east-1:111122223333:og:default:postgres-18'],
  ])
  expect(questions[1]?.context).toMatchObject({
    'aws:RequestTag/holdfast:drill': '1',
    'rds:req-tag/holdfast:drill': '1',
    'aws:TagKeys': ['holdfast:drill'],
  })
})

test('an action on an instance of another region is asked about there', () => {
  const arn = 'arn:aws:rds:us-west-2:111122223333:db:shop-prod-standby'
  expect(ask('DeleteDBInstance', { DBInstanceIdentifier: arn })[0]?.resource).toBe(arn)
})

test('an export asks for the right to hand on its role', () => {
  expect(
    ask('StartExportTask', { IamRoleArn: 'arn:aws:iam::111122223333:role/export' }).map(
      ({ action, resource }) => [action, resource],
    ),
  ).toEqual([
    ['rds:StartExportTask', '*'],
    ['iam:PassRole', 'arn:aws:iam::111122223333:role/export'],
  ])
})
