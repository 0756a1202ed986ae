import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Refusal } from '../lambdas/runtime/failure.ts'
import { PROGRAM } from '../twin/main.ts'
import { closedFolder, folderAt } from '../twin/state/folder.ts'
import { holderOf } from '../twin/state/lock.ts'
import { refuseForeignFile } from '../twin/state/own-folder.ts'
import type { TwinEndpoint } from '../twin/twin.ts'
import { ROOT } from './assembly.ts'
import type { Where } from './options.ts'

/** A twin that is running now. */
export type LiveTwin = TwinEndpoint & { readonly environment: string; readonly root: string }

/** Where the calls of a command go. */
export type Target =
  | { readonly kind: 'twin'; readonly twin: LiveTwin }
  | { readonly kind: 'aws'; readonly region: string | undefined }

/**
 * Folder of an environment's twin: in `.twin` beside the sources. Where root works in a folder that PostgreSQL's
 * account cannot reach, it is in the temporary folder instead. HOLDFAST_TWINS names another place.
 */
export function twinRoot(environment: string): string {
  const all = process.env.HOLDFAST_TWINS ? resolve(process.env.HOLDFAST_TWINS) : defaultRoot()
  if (existsSync(all) && !statSync(all).isDirectory())
    throw new Refusal('NotAFolder', `HOLDFAST_TWINS is ${all}, which is a file`, 'set it to a folder')
  return join(all, environment)
}

function defaultRoot(): string {
  const beside = join(ROOT, '.twin')
  if (closedFolder(join(beside, 'any')) === undefined) return beside
  return join(tmpdir(), `holdfast-twins-${createHash('sha256').update(ROOT).digest('hex').slice(0, 12)}`)
}

/** The running twin of an environment; undefined when none runs. */
export function findTwin(environment: string): LiveTwin | undefined {
  const root = twinRoot(environment)
  const folder = folderAt(root)
  if (!existsSync(folder.endpoint) || holderOf(folder.lock, PROGRAM) === undefined) return undefined
  refuseForeignFile(folder.endpoint)
  const endpoint = JSON.parse(readFileSync(folder.endpoint, 'utf8')) as TwinEndpoint
  return { ...endpoint, environment, root }
}

/** All running twins. */
export function findTwins(): LiveTwin[] {
  const all = twinRoot('')
  if (!existsSync(all)) return []
  return readdirSync(all)
    .map(findTwin)
    .filter(found => found !== undefined)
}

/**
 * The twin that is meant: the named environment's, or the only one that runs.
 * @throws Refusal `NoTwin` or `WhichTwin`
 */
export function requireTwin(environment: string | undefined): LiveTwin {
  const live =
    environment === undefined ? findTwins() : [findTwin(environment)].filter(found => found !== undefined)
  const [only, ...others] = live
  if (!only)
    throw new Refusal(
      'NoTwin',
      environment === undefined ? 'no twin is running' : `no twin of ${environment} is running`,
      `holdfast up${environment === undefined ? '' : ` --env ${environment}`}`,
    )
  if (others.length > 0)
    throw new Refusal(
      'WhichTwin',
      `several twins are running: ${live.map(twin => twin.environment).join(', ')}`,
      `say which one: --env ${only.environment}`,
    )
  return only
}

/**
 * Chooses where this process's AWS calls go, before the first client is made: to a running twin if there is one, to
 * real AWS otherwise or with `--target aws`. Clients made with `new XClient({})` then follow.
 * @throws Refusal `NoTwin`, `WhichTwin`
 */
export function chooseTarget(options: Where): Target {
  const wanted =
    options.target !== 'aws' &&
    (options.target === 'twin' || (options.env ? findTwin(options.env) : findTwins()[0]) !== undefined)
  if (!wanted) return { kind: 'aws', region: process.env.AWS_REGION }
  const twin = requireTwin(options.env)
  for (const name of Object.keys(process.env))
    if (name.startsWith('AWS_ENDPOINT_URL_') || name === 'AWS_PROFILE' || name === 'AWS_SESSION_TOKEN')
      delete process.env[name]
  process.env.AWS_ENDPOINT_URL = twin.endpoint
  process.env.AWS_REGION = twin.regions[0]
  process.env.AWS_ACCESS_KEY_ID = twin.credentials.accessKeyId
  process.env.AWS_SECRET_ACCESS_KEY = twin.credentials.secretAccessKey
  // For processes that this one starts; Node reads it only when it begins. In this one, give `twin.caFile` to pg.
  process.env.NODE_EXTRA_CA_CERTS = twin.caFile
  return { kind: 'twin', twin }
}
