import { connect } from 'node:net'
import { join } from 'node:path'
import { type Daemon, type ProcessWatch, startDaemon, writeOwned } from '../../postgres/daemon.ts'

/** Bytes that a node may hold, whatever its class would: a twin runs many. */
export const NODE_BYTES = 67_108_864

/** The name as which the twin itself enters its nodes; its password is made anew for each life of a node. */
const KEEPER = 'holdfast-twin'

/** What a node is told. */
export type NodeSettings = {
  readonly dir: string
  /** TCP port on 127.0.0.1. */
  readonly port: number
  /** Port of the primary that it follows. */
  readonly follows?: number
  /** With it only TLS is spoken, between nodes, too. */
  readonly certificate?: { readonly cert: string; readonly key: string; readonly ca: string }
  /** Lines of the access list. Without any the default user may enter without a password, as ElastiCache lets it. */
  readonly users: readonly string[]
  readonly keeperPassword: string
  readonly evictionPolicy: string
}

/** A running node. */
export type CacheNode = Daemon & {
  readonly settings: NodeSettings
  /** `INFO` by field. */
  readonly info: () => Promise<ReadonlyMap<string, string>>
}

const POLICY = /^[a-z-]+$/
const ONE_LINE = /^\P{Cc}*$/u

/** @throws Error for what would be more than its place in a file: its next line could have the server load a library */
function refuseMore(text: string, shape: RegExp): string {
  if (shape.test(text)) return text
  throw new Error(`${JSON.stringify(text)} cannot stand in the configuration of a cache node`)
}

/** The configuration as the server reads it. */
function renderNode(settings: NodeSettings, socket: string): string {
  const { dir, port, certificate, follows } = settings
  const transport = certificate
    ? [
        'port 0',
        `tls-port ${port}`,
        `tls-cert-file ${join(dir, 'server.pem')}`,
        `tls-key-file ${join(dir, 'server-key.pem')}`,
        `tls-ca-cert-file ${join(dir, 'ca.pem')}`,
        'tls-auth-clients no',
        'tls-replication yes',
      ]
    : [`port ${port}`]
  return [
    'bind 127.0.0.1',
    'protected-mode no',
    ...transport,
    `unixsocket ${join(socket, 'node.sock')}`,
    'unixsocketperm 700',
    `dir ${dir}`,
    `pidfile ${join(dir, 'node.pid')}`,
    'daemonize no',
    // A replica is not kept waiting for others that might join its first copy.
    'repl-diskless-sync-delay 0',
    'save ""',
    'appendonly no',
    'databases 16',
    `maxmemory ${NODE_BYTES}`,
    `maxmemory-policy ${refuseMore(settings.evictionPolicy, POLICY)}`,
    `aclfile ${join(dir, 'users.acl')}`,
    ...(follows === undefined
      ? []
      : [
          `replicaof 127.0.0.1 ${follows}`,
          `masteruser ${KEEPER}`,
          `masterauth ${settings.keeperPassword}`,
          'repl-diskless-load on-empty-db',
        ]),
    '',
  ].join('\n')
}

/** The access list: the twin's own user, and those of the group or the default one. */
export const renderUsers = ({ users, keeperPassword }: NodeSettings) =>
  [
    `user ${KEEPER} on >${keeperPassword} ~* &* +@all`,
    ...(users.some(user => user.startsWith('user default ')) ? [] : [defaultUser(users.length === 0)]),
    ...users.map(user => refuseMore(user, ONE_LINE)),
    '',
  ].join('\n')

const defaultUser = (isOpen: boolean) => (isOpen ? 'user default on nopass ~* &* +@all' : 'user default off')

/** Starts a node under PostgreSQL's account and returns when it answers. @throws with the end of its log */
export async function startNode(
  program: string,
  settings: NodeSettings,
  watch?: ProcessWatch,
): Promise<CacheNode> {
  const { dir, certificate } = settings
  const info = (socket: string) => readInfo(join(socket, 'node.sock'), settings.keeperPassword)
  const daemon = await startDaemon({
    title: 'the cache node',
    program,
    dir,
    name: 'node',
    configuration: 'node.conf',
    configure: socket => {
      if (certificate) {
        writeOwned(join(dir, 'server.pem'), certificate.cert)
        writeOwned(join(dir, 'server-key.pem'), certificate.key)
        writeOwned(join(dir, 'ca.pem'), certificate.ca)
      }
      writeOwned(join(dir, 'users.acl'), renderUsers(settings))
      writeOwned(join(dir, 'node.conf'), renderNode(settings, socket))
    },
    ask: info,
    watch,
  })
  return { ...daemon, settings, info: () => info(daemon.socket) }
}

/** Asks over the private socket, in the protocol's inline form, and reads until the server hangs up. */
async function readInfo(socket: string, password: string): Promise<ReadonlyMap<string, string>> {
  const text = await new Promise<string>((resolve, reject) => {
    const chunks: Buffer[] = []
    const client = connect(socket, () => client.write(`AUTH ${KEEPER} ${password}\r\nINFO\r\nQUIT\r\n`))
    client.setTimeout(5_000, () => client.destroy(new Error('no answer to INFO')))
    client.on('data', chunk => chunks.push(chunk))
    client.on('error', reject)
    client.on('close', () => resolve(Buffer.concat(chunks).toString('utf8')))
  })
  const fields = new Map(
    text.split('\r\n').flatMap(line => {
      const [, name, value] = /^([a-z_0-9]+):(.*)$/.exec(line) ?? []
      return name === undefined || value === undefined ? [] : [[name, value] as const]
    }),
  )
  if (!fields.has('used_memory')) throw new Error(`the cache node answered ${text.slice(0, 200)}`)
  return fields
}
