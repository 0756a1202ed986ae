import { takeBase } from './backups.ts'
import { keyOf, type Rds, update } from './context.ts'
import { applyPending } from './modifying.ts'
import type { InstanceRecord } from './records.ts'

const EVERY_MS = 30_000
const DAY_MINUTES = 1440
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

const minutesOf = (clock: string) => {
  const [hours = '0', minutes = '0'] = clock.split(':')
  return Number(hours) * 60 + Number(minutes)
}

const within = (now: number, from: number, to: number, cycle: number) =>
  (now - from + cycle) % cycle < (to - from + cycle) % cycle

/** Whether a moment lies in a window `hh24:mi-hh24:mi` of its day. */
export function isInBackupWindow(window: string, at: number): boolean {
  const [from = '', to = ''] = window.split('-')
  const now = new Date(at)
  return within(now.getUTCHours() * 60 + now.getUTCMinutes(), minutesOf(from), minutesOf(to), DAY_MINUTES)
}

/** Whether a moment lies in a window `ddd:hh24:mi-ddd:hh24:mi` of its week. */
export function isInMaintenanceWindow(window: string, at: number): boolean {
  const read = (end: string) => DAYS.indexOf(end.slice(0, 3)) * DAY_MINUTES + minutesOf(end.slice(4))
  const [from = '', to = ''] = window.split('-')
  const now = new Date(at)
  const minute = now.getUTCDay() * DAY_MINUTES + now.getUTCHours() * 60 + now.getUTCMinutes()
  return within(minute, read(from), read(to), 7 * DAY_MINUTES)
}

/** Takes the daily backup and applies what is pending when an instance's windows come. */
export function watchWindows(rds: Rds): NodeJS.Timeout {
  return setInterval(() => {
    for (const record of rds.instances.values()) if (record.status === 'available') look(rds, record)
  }, EVERY_MS).unref()
}

function look(rds: Rds, record: InstanceRecord): void {
  const now = rds.now()
  const { PreferredBackupWindow: backup = '', PreferredMaintenanceWindow: maintenance = '' } = record.shown
  if (Object.keys(record.pending).length > 0 && isInMaintenanceWindow(maintenance, now))
    applyPending(rds, record.resourceId)
  if ((record.shown.BackupRetentionPeriod ?? 0) === 0 || record.source) return
  const newest = rds.backups.get(keyOf(record.region, record.resourceId))?.bases.at(-1)
  // Without any base, a first backup that was broken off is taken again at once: nothing could be restored till then.
  if (newest && (!isInBackupWindow(backup, now) || now - newest.stoppedAt < (DAY_MINUTES / 2) * 60_000))
    return
  update(rds, record.resourceId, () => ({ status: 'backing-up' }))
  const done = () => {
    update(rds, record.resourceId, ({ status }) => (status === 'backing-up' ? { status: 'available' } : {}))
  }
  void rds.hosts.enqueue(
    record.resourceId,
    async () => {
      await takeBase(rds, record.resourceId)
      done()
    },
    done,
  )
}
