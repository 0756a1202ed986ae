import { describe, expect, test } from '@jest/globals'
import { assembly } from '../support/assembly.ts'
import { plain } from '../support/plain.ts'

const prod = await assembly('prod')
const dev = await assembly('dev')

describe('the pool', () => {
  test('serves the writer, over TLS, entered by IAM token on both sides', () => {
    const proxy = prod.only('database', 'AWS::RDS::DBProxy').Properties
    expect(proxy).toMatchObject({
      EngineFamily: 'POSTGRESQL',
      DefaultAuthScheme: 'IAM_AUTH',
      RequireTLS: true,
      // It would write every statement, with what is in it, into a log.
      DebugLogging: false,
      IdleClientTimeout: 1800,
    })
    expect(proxy.Auth).toBeUndefined()
    const targets = prod.only('database', 'AWS::RDS::DBProxyTargetGroup').Properties
    expect(plain(targets.DBInstanceIdentifiers)).toEqual(['<Primary>'])
    expect(targets.ConnectionPoolConfigurationInfo).toEqual({
      ConnectionBorrowTimeout: 10,
      MaxConnectionsPercent: 80,
      MaxIdleConnectionsPercent: 40,
    })
  })

  test('is left out where the environment says so', () => {
    expect(dev.resources('database', 'AWS::RDS::DBProxy')).toEqual({})
  })
})
