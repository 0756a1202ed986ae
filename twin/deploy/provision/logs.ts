import { type Desired, keep, type Physical, type Provisioner } from '../provisioner.ts'
import { type Api, amount, createOrAdopt, given, removeIfThere } from './api.ts'

/** Log groups. */
export function logProvisioners(api: Api): Record<string, Provisioner> {
  const put = async (desired: Desired): Promise<Physical> => {
    const { properties, region, account, tags } = desired
    const logGroupName = String(properties.LogGroupName ?? desired.generatedName)
    await createOrAdopt(
      'ResourceAlreadyExistsException',
      () =>
        api('logs', region, 'CreateLogGroup', {
          logGroupName,
          tags,
          ...given({ kmsKeyId: properties.KmsKeyId, logGroupClass: properties.LogGroupClass }),
        }),
      async () => undefined,
    )
    const retentionInDays = amount(properties.RetentionInDays)
    if (retentionInDays !== undefined)
      await api('logs', region, 'PutRetentionPolicy', { logGroupName, retentionInDays })
    const arn = `arn:aws:logs:${region}:${account}:log-group:${logGroupName}:*`
    return { ref: logGroupName, attributes: { Arn: arn } }
  }
  return {
    'AWS::Logs::LogGroup': {
      kind: 'real',
      create: put,
      update: async (desired, before) => {
        keep(desired, before, ['LogGroupName'])
        return put(desired)
      },
      remove: before =>
        removeIfThere(() => api('logs', before.region, 'DeleteLogGroup', { logGroupName: before.ref })),
    },
  }
}
