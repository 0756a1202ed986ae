import { setTimeout as sleep } from 'node:timers/promises'
import { functionArn } from '../lambda/functions.ts'
import type { CloudWatchService } from '../services/cloudwatch/service.ts'
import type { Parts } from './parts.ts'

/**
 * Lets minutes pass in CloudWatch alone. A function whose every schedule is switched off speaks no more: its last run
 * is waited for, since what it says at its end was said before these minutes.
 */
export async function passMinutes(
  { lambda, scheduler }: Pick<Parts, 'lambda' | 'scheduler'>,
  cloudwatch: CloudWatchService,
  minutes: number,
): Promise<void> {
  const off = lambda.functions.all().flatMap(({ region, account, name, latest }) => {
    const arn = functionArn(region, account, name)
    return isSwitchedOff(scheduler, arn) ? [{ arn, group: `${region} ${latest.logGroup}` }] : []
  })
  while (off.some(({ arn }) => lambda.events.isPending(arn))) await sleep(100)
  const over = new Set(off.map(({ group }) => group))
  await cloudwatch.pass(minutes, (region, logGroup) => over.has(`${region} ${logGroup}`))
}

function isSwitchedOff(scheduler: Parts['scheduler'], functionArn: string): boolean {
  const own = scheduler
    .all()
    .filter(
      ({ schedule: { target } }) => target.arn === functionArn || target.arn.startsWith(`${functionArn}:`),
    )
  return own.length > 0 && own.every(({ schedule }) => !schedule.enabled)
}
