import type { Api } from '../deploy/provision/api.ts'
import type { Stored } from '../deploy/provisioner.ts'
import type { Lambda } from '../lambda/lambda.ts'
import type { BackupService } from '../services/backup/service.ts'
import type { TwinRds } from '../services/rds/rds.ts'
import type { S3Service } from '../services/s3/service.ts'
import type { Scheduler } from '../services/scheduler/scheduler.ts'
import type { Collection } from '../state/collection.ts'
import type { Service } from '../wire/call.ts'
import type { Faults } from '../wire/faults.ts'

/** The parts of a twin that its control endpoint reaches. */
export type Parts = {
  readonly api: Api
  readonly services: readonly Service[]
  readonly regions: readonly string[]
  readonly faults: Faults
  readonly lambda: Lambda
  readonly scheduler: Scheduler
  readonly backup: BackupService
  readonly rds: TwinRds
  readonly s3: S3Service
  readonly resources: Collection<Stored>
  /** Regions that are lost at the moment. */
  readonly lost: Set<string>
  readonly clock: () => number
}
