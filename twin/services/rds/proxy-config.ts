import type { ProxyRecord } from './records.ts'

/** The one target group that a proxy has. */
export const DEFAULT_GROUP = 'default'

/** The pool's settings with RDS's own where nothing was asked for. */
export const poolConfig = (proxy: Pick<ProxyRecord, 'pool'>) => ({
  MaxConnectionsPercent: 100,
  MaxIdleConnectionsPercent: 50,
  ConnectionBorrowTimeout: 120,
  SessionPinningFilters: [],
  InitQuery: undefined as string | undefined,
  ...proxy.pool,
})

/** The name that RDS would give the proxy; no DNS knows it. */
export const proxyHost = (proxy: Pick<ProxyRecord, 'name' | 'region'>) =>
  `${proxy.name}.proxy-twin.${proxy.region}.rds.amazonaws.com`

/** Whether clients and database are both entered by IAM token, which is what the twin's pool can do. */
export const isIamProxy = (proxy: Pick<ProxyRecord, 'shown'>) => proxy.shown.DefaultAuthScheme === 'IAM_AUTH'

/** How many connections the pool may have to an instance that allows `maxConnections`; at least one. */
export const poolSize = (proxy: Pick<ProxyRecord, 'pool'>, maxConnections: number) =>
  Math.max(1, Math.floor((maxConnections * poolConfig(proxy).MaxConnectionsPercent) / 100))
