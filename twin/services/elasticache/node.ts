import { type ChildProcess, spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makePrivateFolder, own, unprivileged } from '../../postgres/account.ts'
import { socketFolder } from '../../postgres/cluster.ts'
import { isAlive } from '../../postgres/processes.ts'

/** Bytes that a node may hold, whatever its class would: a twin runs many. */
export const NODE_BYTES = 67_108_864

/** The name as which the twin itself enters its nodes; its password is made anew for each life of a node. */
export const KEEPER = 'holdfast-twin'

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
export type CacheNode = {
  readonly pid: number
  readonly settings: NodeSettings
  readonly isRunning: () => boolean
  /** `INFO` by field. */
  readonly info: () => Promise<ReadonlyMap<string, string>>
  readonly stop: () => Promise<void>
}

/** Told of the process, so that it does not outlive the twin. */
export type ProcessWatch = { started(pid: number): void; ended(pid: number): void }

const START_MS = 15_000

/** The configuration as the server reads it. */
export function renderNode(settings: NodeSettings, socket: string): string {
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
    `maxmemory-policy ${settings.evictionPolicy}`,
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
    ...users,
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
  const socket = socketFolder(dir)
  await endStray(dir)
  rmSync(socket, { recursive: true, force: true })
  makePrivateFolder(dir)
  makePrivateFolder(socket)
  if (certificate) {
    write(join(dir, 'server.pem'), certificate.cert)
    write(join(dir, 'server-key.pem'), certificate.key)
    write(join(dir, 'ca.pem'), certificate.ca)
  }
  write(join(dir, 'users.acl'), renderUsers(settings))
  write(join(dir, 'node.conf'), renderNode(settings, socket))
  const log = openSync(join(dir, 'node.log'), 'w', 0o600)
  const child = spawn(program, [join(dir, 'node.conf')], {
    ...unprivileged(),
    stdio: ['ignore', log, log],
    env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
    cwd: dir,
  })
  closeSync(log)
  const node = nodeOf(child, settings, socket, watch)
  try {
    await untilAnswers(node)
  } catch (error) {
    await node.stop()
    const said = readFileSync(join(dir, 'node.log'), 'utf8').slice(-2_000)
    throw new Error(`${(error as Error).message}\n${said}`, { cause: error })
  }
  return node
}

function nodeOf(
  child: ChildProcess,
  settings: NodeSettings,
  socket: string,
  watch: ProcessWatch | undefined,
): CacheNode {
  const pid = child.pid ?? -1
  const isRunning = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null
  const exited = new Promise<void>(resolve => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  }).then(() => {
    if (pid > 0) watch?.ended(pid)
  })
  if (pid > 0) watch?.started(pid)
  return {
    pid,
    settings,
    isRunning,
    info: () => readInfo(join(socket, 'node.sock'), settings.keeperPassword),
    stop: async () => {
      if (isRunning()) child.kill('SIGTERM')
      const hurry = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await exited
      clearTimeout(hurry)
      rmSync(socket, { recursive: true, force: true })
    },
  }
}

async function untilAnswers(node: CacheNode): Promise<void> {
  const deadline = Date.now() + START_MS
  for (;;) {
    if (!node.isRunning()) throw new Error('the cache node ended while it started')
    try {
      await node.info()
      return
    } catch (error) {
      if (Date.now() > deadline) throw new Error('the cache node did not answer in time', { cause: error })
    }
    await sleep(20)
  }
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

function write(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 })
  own(file)
}

/** A node that outlived the twin that started it would keep the port: it ends first. */
async function endStray(dir: string): Promise<void> {
  const file = join(dir, 'node.pid')
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, 'utf8'))
  if (Number.isInteger(pid) && pid > 1 && isAlive(pid) && worksIn(pid, dir)) {
    process.kill(pid, 'SIGKILL')
    while (isAlive(pid)) await sleep(10)
  }
  rmSync(file, { force: true })
}

/** The number may have gone to another program since. */
function worksIn(pid: number, dir: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dir)
  } catch {
    // No such process, or no /proc: what cannot be told to be ours is left alone.
    return false
  }
}
