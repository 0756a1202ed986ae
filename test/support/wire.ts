import type { Identity } from '../../twin/iam/identities.ts'
import { createIdentities } from '../../twin/iam/identities.ts'
import type { Service } from '../../twin/wire/call.ts'
import { type ListenerOptions, startListener } from '../../twin/wire/listener.ts'

/** What an SDK client needs to call a listener with a key of the twin. */
export function clientConfig(url: string, identity: Identity, region = 'eu-west-1') {
  return {
    endpoint: url,
    region,
    credentials: {
      accessKeyId: identity.principal.accessKeyId,
      secretAccessKey: identity.secretAccessKey,
      ...(identity.sessionToken && { sessionToken: identity.sessionToken }),
    },
    maxAttempts: 1,
  }
}

/** Keys kept in memory for the length of a test. */
export function memoryIdentities(account = '111122223333') {
  const kept = new Map<string, Identity>()
  return createIdentities({
    account,
    store: {
      get: key => kept.get(key),
      set: (key, value) => kept.set(key, value),
      values: () => [...kept.values()],
    },
  })
}

/** A listener with these services where everybody may do everything, unless `options` says otherwise. */
export async function listenerWith(services: readonly Service[], options: Partial<ListenerOptions> = {}) {
  const identities = memoryIdentities()
  const bugs: unknown[] = []
  const listener = await startListener({
    services,
    account: '111122223333',
    identities,
    authorize: () => {},
    onBug: error => bugs.push(error),
    ...options,
  })
  return {
    ...listener,
    identities,
    bugs,
    config: (region?: string) => clientConfig(listener.url, identities.root(), region),
  }
}
