import type { FunctionRecord, FunctionVersion } from './functions.ts'

/** The key that a role's functions sign with. */
export type RoleKey = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** Where the Lambda runtime keeps the RDS authorities; the twin has a file of its own. */
const RUNTIME_CA = '/var/runtime/ca-cert.pem'

/** The whole environment of a function's process: the template's variables and the runtime's, nothing of the twin's own. */
export function functionEnvironment(
  record: FunctionRecord,
  version: FunctionVersion,
  key: RoleKey,
  twin: { readonly endpoint: string; readonly caFile: string },
): Record<string, string> {
  const own = Object.fromEntries(
    Object.entries(version.environment).map(([name, value]) => [
      name,
      value === RUNTIME_CA ? twin.caFile : value,
    ]),
  )
  return {
    ...own,
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LANG: 'en_US.UTF-8',
    TZ: own.TZ ?? ':UTC',
    AWS_ENDPOINT_URL: twin.endpoint,
    AWS_REGION: record.region,
    AWS_DEFAULT_REGION: record.region,
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    ...(key.sessionToken ? { AWS_SESSION_TOKEN: key.sessionToken } : {}),
    // The SDK would look for a proxy of real AWS metadata otherwise.
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_EXECUTION_ENV: `AWS_Lambda_${version.runtime}`,
    AWS_LAMBDA_FUNCTION_NAME: record.name,
    AWS_LAMBDA_FUNCTION_VERSION: version.version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(version.memorySize),
    AWS_LAMBDA_LOG_GROUP_NAME: version.logGroup,
    AWS_LAMBDA_LOG_STREAM_NAME: logStreamOf(version),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    LAMBDA_TASK_ROOT: version.codeDirectory,
    _HANDLER: version.handler,
  }
}

/** The stream that a version's lines go to; on AWS there is one a process. */
export function logStreamOf({ version, lastModified }: FunctionVersion): string {
  return `${lastModified.slice(0, 10).replaceAll('-', '/')}/[${version}]twin`
}
