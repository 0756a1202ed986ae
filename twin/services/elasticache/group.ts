/** A replication group as the deployment wrote it down. */
export type CacheGroup = {
  readonly id: string
  readonly region: string
  readonly description: string
  readonly engine: string
  readonly nodeType: string
  readonly replicas: number
  readonly multiAz: boolean
  readonly encryptedInTransit: boolean
  readonly encryptedAtRest: boolean
  readonly keyArn?: string
  readonly status: 'available' | 'creating' | 'modifying' | 'deleting'
  readonly endpoint: { readonly address: string; readonly port: number }
  readonly userGroups?: readonly string[]
  readonly parameterGroup?: string
  /** TCP ports of its nodes on 127.0.0.1, the primary's first; none while no server program is on this machine. */
  readonly ports?: readonly number[]
  readonly tags: Readonly<Record<string, string>>
}

/** A user of caches as the deployment wrote it down. */
export type CacheUser = {
  readonly id: string
  readonly region: string
  readonly name: string
  readonly access: string
  /** Passwords; none for a user who enters by IAM token, or without anything. */
  readonly passwords: readonly string[]
}

export type CacheUserGroup = {
  readonly id: string
  readonly region: string
  readonly users: readonly string[]
}

export type CacheParameters = {
  readonly name: string
  readonly region: string
  readonly values: Readonly<Record<string, string>>
}

/** The name of a node, as its metrics and its group's description have it. `index` counts from 0. */
export const nodeName = (group: Pick<CacheGroup, 'id'>, index: number) =>
  `${group.id}-${String(index + 1).padStart(3, '0')}`

/**
 * A user as the server's access list says it. Who enters by IAM token enters here without a password: the server
 * cannot check the token, only what the user may then do.
 */
export const accessLine = ({ name, access, passwords }: CacheUser) =>
  [
    `user ${name}`,
    ...(passwords.length > 0 ? passwords.map(password => `>${password}`) : ['nopass']),
    access,
  ].join(' ')
