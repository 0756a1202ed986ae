import { expect, test } from '@jest/globals'
import { functionRows } from '../../lib/alarms/function-rows.ts'

const errors = (verb: string) => {
  const [row] = functionRows({ verb, functionName: verb, timeout: 60, region: 'home' })
  return [row?.id, row?.severity, row?.datapoints, row?.outOf]
}

test.each(['examine', 'roll-forward', 'heartbeat', 'archiver'])(
  'one error of %s wakes nobody: what it should have given is watched itself',
  verb => expect(errors(verb)).toEqual([`errors-${verb}`, 'warn', 3, 5]),
)

test.each(['restore-drill', 'archive-verification', 'backup-verification', 'freshness', 'reaper'])(
  'one error of %s pages: nobody else would tell of it',
  verb => expect(errors(verb)).toEqual([`errors-${verb}`, 'page', 1, 1]),
)
