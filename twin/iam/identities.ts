import { randomBytes } from 'node:crypto'
import type { Principal } from '../wire/call.ts'

/** A key that the twin gave out, and who holds it. */
export type Identity = {
  readonly principal: Principal
  readonly secretAccessKey: string
  readonly sessionToken?: string
  /** Milliseconds; a key without it lasts as long as the twin. */
  readonly expires?: number
}

/** The keys of a twin. Whoever has a key of a role calls as that role. */
export type Identities = {
  find(accessKeyId: string): Identity | undefined
  /** The account's root, for the person at the keyboard: every policy question about it is allowed but for explicit denies. */
  root(): Identity
  /** A lasting key of a role, the same one each time it is asked. */
  forRole(roleArn: string, sessionName?: string): Identity
  /** A new key of a role with a session token that ends at `expires` (milliseconds). */
  session(roleArn: string, sessionName: string, expires: number): Identity
}

/** Where lasting keys are kept, so that a restarted twin knows the keys it gave out. */
export type IdentityStore = {
  get(key: string): Identity | undefined
  set(key: string, value: Identity): void
  values(): Identity[]
}

const mintId = (prefix: 'AKIA' | 'ASIA') =>
  prefix + randomBytes(10).toString('hex').toUpperCase().slice(0, 16)
const mintSecret = () => randomBytes(30).toString('base64')

/** The assumed-role ARN under which a role's key acts. */
export function sessionArn(roleArn: string, sessionName: string): string {
  const [, , , , account = '', role = ''] = roleArn.split(':')
  return `arn:aws:sts::${account}:assumed-role/${role.split('/').at(-1)}/${sessionName}`
}

/** The identities of one twin. */
export function createIdentities(options: {
  readonly account: string
  readonly store: IdentityStore
}): Identities {
  const { account, store } = options
  const byKey = new Map(store.values().map(identity => [identity.principal.accessKeyId, identity]))
  const keep = (name: string, identity: Identity): Identity => {
    byKey.set(identity.principal.accessKeyId, identity)
    store.set(name, identity)
    return identity
  }
  const mint = (roleArn: string, arn: string, prefix: 'AKIA' | 'ASIA'): Identity => ({
    principal: { accessKeyId: mintId(prefix), roleArn, arn },
    secretAccessKey: mintSecret(),
  })
  const rootArn = `arn:aws:iam::${account}:root`
  return {
    find: accessKeyId => byKey.get(accessKeyId),
    root: () => store.get('root') ?? keep('root', mint(rootArn, rootArn, 'AKIA')),
    forRole: (roleArn, sessionName = 'twin') => {
      const name = `${roleArn} ${sessionName}`
      return store.get(name) ?? keep(name, mint(roleArn, sessionArn(roleArn, sessionName), 'ASIA'))
    },
    session: (roleArn, sessionName, expires) => {
      const minted = mint(roleArn, sessionArn(roleArn, sessionName), 'ASIA')
      const identity = { ...minted, sessionToken: randomBytes(48).toString('base64'), expires }
      byKey.set(identity.principal.accessKeyId, identity)
      return identity
    },
  }
}
