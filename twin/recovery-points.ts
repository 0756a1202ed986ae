import type { Api } from './deploy/provision/api.ts'
import type { Snapshots } from './services/backup/vaults.ts'
import type { Principal } from './wire/call.ts'

const POLL_MS = 200

/** As whom AWS Backup calls RDS: only so are its snapshots made and removed. */
export const BACKUP_SERVICE: Principal = {
  accessKeyId: '',
  roleArn: 'backup.amazonaws.com',
  arn: 'backup.amazonaws.com',
}

/** What AWS Backup does with databases: it takes, copies and removes RDS snapshots. `api` calls as `BACKUP_SERVICE`. */
export function snapshotsOver(api: Api): Snapshots {
  const available = async (region: string, id: string) => {
    for (;;) {
      const { DBSnapshots } = await api('rds', region, 'DescribeDBSnapshots', { DBSnapshotIdentifier: id })
      const [snapshot] = DBSnapshots
      if (snapshot.Status === 'available')
        return {
          arn: String(snapshot.DBSnapshotArn),
          bytes: Number(snapshot.AllocatedStorage ?? 0) * 2 ** 30,
        }
      if (snapshot.Status === 'failed') throw new Error(`snapshot ${id} failed`)
      await new Promise(resolve => setTimeout(resolve, POLL_MS))
    }
  }
  return {
    take: async (resourceArn, name) => {
      const [, , , region = '', , , instance] = resourceArn.split(':')
      await api('rds', region, 'CreateDBSnapshot', {
        DBSnapshotIdentifier: name,
        DBInstanceIdentifier: instance,
      })
      return available(region, name)
    },
    copy: async (snapshotArn, region, keyArn, name) => {
      await api('rds', region, 'CopyDBSnapshot', {
        SourceDBSnapshotIdentifier: snapshotArn,
        TargetDBSnapshotIdentifier: name,
        KmsKeyId: keyArn,
        CopyTags: true,
      })
      return available(region, name)
    },
    remove: async snapshotArn => {
      const [, , , region = '', , , ...name] = snapshotArn.split(':')
      await api('rds', region, 'DeleteDBSnapshot', { DBSnapshotIdentifier: name.join(':') })
    },
  }
}
