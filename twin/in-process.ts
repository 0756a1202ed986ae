import { randomUUID } from 'node:crypto'
import type { Api } from './deploy/provision/api.ts'
import type { Call, Principal, Service } from './wire/call.ts'

/** Calls operations in process as `principal`: the account's root for what CloudFormation does, or a service of AWS. */
export function apiOver(services: readonly Service[], account: string, principal: Principal): Api {
  const byName = new Map(services.map(service => [service.name, service]))
  return async (name, region, operation, input) => {
    const found = byName.get(name)?.operations[operation]
    if (!found) throw new Error(`the twin has no ${name}:${operation}`)
    const call: Call = {
      requestId: randomUUID(),
      service: name,
      region,
      account,
      operation,
      principal,
    }
    return found.run(input, call)
  }
}

/**
 * Looks up `{{resolve:…}}` as CloudFormation does: `secretsmanager:<id>:SecretString:<key>:<stage>:<version>` and
 * `ssm:<name>:<version>`. A secret that nobody made is one that people keep in the account: the twin makes a stand-in
 * and says so, where CloudFormation would find the real one.
 */
export function dynamicOver(
  api: Api,
): (region: string, service: string, reference: string, say: (text: string) => void) => Promise<string> {
  return async (region, service, reference, say) => {
    if (service === 'ssm') {
      const [Name] = reference.split(/:(?=\d+$)/)
      const { Parameter } = await api('ssm', region, 'GetParameter', { Name })
      // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm-secure-strings.html
      if (Parameter.Type === 'SecureString')
        throw new Error(`parameter ${Name} is a SecureString: {{resolve:ssm:…}} reads plain ones only`)
      return String(Parameter.Value)
    }
    if (service !== 'secretsmanager')
      throw new Error(`the twin does not know the dynamic reference {{resolve:${service}:…}}`)
    // The secret may be named by its ARN, which holds colons itself.
    const [, id, key] =
      reference.match(/^(arn:(?:[^:]*:){5}[^:]*|[^:]*)(?::SecretString(?::([^:]*))?.*)?$/) ?? []
    const read = () => api('secretsmanager', region, 'GetSecretValue', { SecretId: id })
    const { SecretString } = await read().catch(async error => {
      if (key || error.code !== 'ResourceNotFoundException') throw error
      await standIn(api, region, String(id), say)
      return read()
    })
    if (!key) return String(SecretString)
    const value = (JSON.parse(SecretString) as Record<string, unknown>)[key]
    if (value === undefined) throw new Error(`secret ${id} has no ${key}`)
    return String(value)
  }
}

/** Makes the secret that a person keeps in a real account. */
async function standIn(api: Api, region: string, name: string, say: (text: string) => void): Promise<void> {
  try {
    await api('secretsmanager', region, 'CreateSecret', {
      Name: name,
      SecretString: 'https://stand-in.invalid/',
    })
  } catch (error) {
    // Another resource needed it in the same moment.
    if ((error as { code?: string }).code === 'ResourceExistsException') return
    throw error
  }
  say(`secret ${name} in ${region} is not of this assembly: an address that does not exist stands in for it`)
}
