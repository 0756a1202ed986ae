import type { EnvironmentConfig } from '../../config/schema.ts'
import { topicName } from './alarms.ts'
import { type AlarmRow, metric, row } from './row.ts'
import { watchedRegions } from './watched.ts'

/**
 * Who watches the pager: a page that did not arrive is told by the other route of its region, the warnings. They go to
 * e-mail and Slack, so that one revoked address does not make the whole environment silent.
 */
export function pagingRows(config: EnvironmentConfig): AlarmRow[] {
  const failed = metric(
    'AWS/SNS',
    'NumberOfNotificationsFailed',
    { TopicName: topicName(config, 'page') },
    'Sum',
  )
  return watchedRegions(config).map(region =>
    row(`pager-unreached${region === 'home' ? '' : '-standby'}`, failed, {
      article: 'pager',
      severity: 'warn',
      bad: 'above',
      threshold: 0,
      unit: 'count',
      when: [1, 1],
      period: 300,
      // SNS says nothing while everything arrives.
      missing: 'notBreaching',
      region,
      summary: 'a page did not reach the pager',
      derivation: 'SNS counts a message that it has given up: nobody got that page',
    }),
  )
}
