import { createHash, randomUUID } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, sep } from 'node:path'
import { type Collection, openCollection } from '../state/collection.ts'
import { WireError } from '../wire/call.ts'

/** What is asked of a durable function beyond an ordinary one. */
export type Durability = {
  /** Seconds, 1 to 366 days. */
  readonly executionTimeout: number
  /** Days that a closed execution's history is kept. */
  readonly retentionDays: number
}

/** What the owner of a function decides about its next version. */
export type FunctionSettings = {
  readonly runtime: string
  readonly handler: string
  readonly role: string
  /** Seconds */
  readonly timeout: number
  /** MB */
  readonly memorySize: number
  readonly environment: Readonly<Record<string, string>>
  readonly description: string
  readonly architectures: readonly string[]
  readonly durability?: Durability
  readonly deadLetterArn?: string
  readonly vpc?: { readonly subnetIds: readonly string[]; readonly securityGroupIds: readonly string[] }
  readonly logGroup: string
  readonly loggingFormat: 'Text' | 'JSON'
}

/** One version of a function: its settings, frozen with its code. `$LATEST` is the one that still changes. */
export type FunctionVersion = FunctionSettings & {
  readonly version: string
  readonly codeSha256: string
  readonly codeSize: number
  /** The twin's own copy of the asset: a running execution keeps its code when the assembly moves on. */
  readonly codeDirectory: string
  readonly revisionId: string
  readonly lastModified: string
}

/** A name that points at a version, with at most one other version that takes a share of the calls. */
export type Alias = {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly weights: Readonly<Record<string, number>>
  readonly revisionId: string
}

/** How asynchronous calls of one qualifier are retried and where their outcome is sent. */
export type EventInvoke = {
  readonly maximumRetryAttempts: number
  /** Seconds */
  readonly maximumEventAge: number
  readonly onSuccess?: string
  readonly onFailure?: string
  readonly lastModified: string
}

/** One statement of a function's own policy: who else may call it. */
export type Permission = {
  readonly id: string
  readonly principal: string
  readonly action: string
  readonly qualifier?: string
  readonly sourceArn?: string
  readonly sourceAccount?: string
}

/** Everything the twin knows of one function of one region. */
export type FunctionRecord = {
  readonly name: string
  readonly region: string
  readonly account: string
  readonly latest: FunctionVersion
  readonly versions: Readonly<Record<string, FunctionVersion>>
  readonly lastVersion: number
  readonly aliases: Readonly<Record<string, Alias>>
  readonly reservedConcurrency?: number
  readonly eventInvoke: Readonly<Record<string, EventInvoke>>
  readonly permissions: readonly Permission[]
  readonly tags: Readonly<Record<string, string>>
}

/** A function as somebody named it, found: the version that answers and the ARN that was asked. */
export type Resolved = {
  readonly record: FunctionRecord
  readonly version: FunctionVersion
  /** As asked: `$LATEST`, a number or an alias; undefined when unqualified. */
  readonly qualifier: string | undefined
  readonly invokedArn: string
}

/** The functions of an account in all regions, on disk. */
export class Functions {
  readonly #records: Collection<FunctionRecord>
  readonly #code: string

  constructor(directory: string) {
    this.#records = openCollection(join(directory, 'functions.json'))
    this.#code = join(directory, 'code')
    // Node looks for a package.json upwards, and the folder that the twin stands in may call its own files modules.
    mkdirSync(this.#code, { recursive: true })
    writeFileSync(join(this.#code, 'package.json'), '{ "type": "commonjs" }\n')
  }

  all(region?: string): FunctionRecord[] {
    return this.#records.values().filter(record => region === undefined || record.region === region)
  }

  find(region: string, name: string): FunctionRecord | undefined {
    return this.#records.get(`${region}/${name}`)
  }

  /** @throws WireError ResourceNotFoundException */
  get(region: string, account: string, name: string): FunctionRecord {
    const record = this.find(region, name)
    if (!record) throw notFound(functionArn(region, account, name))
    return record
  }

  save(record: FunctionRecord): FunctionRecord {
    this.#records.set(`${record.region}/${record.name}`, record)
    return record
  }

  remove(region: string, name: string): void {
    this.#records.delete(`${region}/${name}`)
  }

  /** Creates the function or changes its `$LATEST`; the code in `asset` is copied, once for each content. */
  put(
    key: { region: string; account: string; name: string },
    asset: string,
    settings: FunctionSettings,
    tags: Readonly<Record<string, string>>,
  ): FunctionRecord {
    // It names files; what else it may be, Lambda says.
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(key.name))
      throw new WireError(
        'InvalidParameterValueException',
        `the function name ${JSON.stringify(key.name)} is not 1 to 64 letters, digits, hyphens and underscores`,
      )
    const code = this.#keep(asset)
    const latest: FunctionVersion = {
      ...settings,
      ...code,
      version: '$LATEST',
      revisionId: randomUUID(),
      lastModified: new Date().toISOString(),
    }
    const before = this.find(key.region, key.name)
    if (!before)
      return this.save({
        ...key,
        latest,
        versions: {},
        lastVersion: 0,
        aliases: {},
        eventInvoke: {},
        permissions: [],
        tags,
      })
    const same = sameBehaviour(before.latest, latest)
    return this.save({ ...before, latest: same ? before.latest : latest, tags })
  }

  /** A new number for `$LATEST` as it is now, or the last one when nothing changed since. */
  publish(region: string, account: string, name: string, description?: string): FunctionVersion {
    const record = this.get(region, account, name)
    const last = record.versions[String(record.lastVersion)]
    if (last && sameBehaviour(last, record.latest)) return last
    const number = record.lastVersion + 1
    const version: FunctionVersion = {
      ...record.latest,
      version: String(number),
      revisionId: randomUUID(),
      description: description ?? record.latest.description,
    }
    this.save({
      ...record,
      lastVersion: number,
      versions: { ...record.versions, [version.version]: version },
    })
    return version
  }

  /**
   * Finds what `name` and `qualifier` mean: a name, a partial or a full ARN, either of them qualified.
   * @throws WireError ResourceNotFoundException, InvalidParameterValueException
   */
  resolve(region: string, account: string, reference: string, qualifier?: string): Resolved {
    const parsed = parseReference(reference)
    const named = parsed.qualifier ?? qualifier
    if (parsed.qualifier && qualifier && parsed.qualifier !== qualifier)
      throw new WireError(
        'InvalidParameterValueException',
        'The derived qualifier from the function name does not match the specified qualifier.',
      )
    const arn = functionArn(parsed.region ?? region, parsed.account ?? account, parsed.name)
    const invokedArn = named ? `${arn}:${named}` : arn
    const record = this.find(parsed.region ?? region, parsed.name)
    const version = record && pickVersion(record, named)
    if (!record || !version) throw notFound(invokedArn)
    return { record, version, qualifier: named, invokedArn }
  }

  #keep(asset: string): { codeSha256: string; codeSize: number; codeDirectory: string } {
    const { digest, size } = digestOf(asset)
    const codeDirectory = join(this.#code, digest.slice(0, 32))
    if (!existsSync(codeDirectory)) {
      const next = `${codeDirectory}.next`
      rmSync(next, { recursive: true, force: true })
      copyAsset(asset, next, realpathSync(asset))
      renameSync(next, codeDirectory)
    }
    return { codeSha256: Buffer.from(digest, 'hex').toString('base64'), codeSize: size, codeDirectory }
  }
}

/** `arn:aws:lambda:…:function:name` */
export function functionArn(region: string, account: string, name: string): string {
  return `arn:aws:lambda:${region}:${account}:function:${name}`
}

function notFound(arn: string): WireError {
  return new WireError('ResourceNotFoundException', `Function not found: ${arn}`, 404, { Type: 'User' })
}

function pickVersion(record: FunctionRecord, qualifier: string | undefined): FunctionVersion | undefined {
  if (qualifier === undefined || qualifier === '$LATEST') return record.latest
  const alias = record.aliases[qualifier]
  if (!alias) return record.versions[qualifier]
  let dice = Math.random()
  for (const [version, weight] of Object.entries(alias.weights)) {
    if (dice < weight) return record.versions[version]
    dice -= weight
  }
  return alias.version === '$LATEST' ? record.latest : record.versions[alias.version]
}

const REFERENCE =
  /^(?:arn:aws[a-z-]*:lambda:(?<region>[a-z0-9-]+):)?(?:(?<account>\d{12}):)?(?:function:)?(?<name>[A-Za-z0-9_-]{1,140})(?::(?<qualifier>\$LATEST|[A-Za-z0-9_-]{1,129}))?$/

function parseReference(reference: string): {
  region?: string
  account?: string
  name: string
  qualifier?: string
} {
  const groups = reference.match(REFERENCE)?.groups
  if (!groups?.name)
    throw new WireError(
      'ValidationException',
      `1 validation error detected: Value '${reference}' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?`,
    )
  return { ...groups, name: groups.name }
}

function sameBehaviour(one: FunctionVersion, other: FunctionVersion): boolean {
  const plain = ({
    version: _v,
    revisionId: _r,
    lastModified: _l,
    description: _d,
    ...rest
  }: FunctionVersion) => JSON.stringify(rest, Object.keys(flatten(rest)).sort())
  return plain(one) === plain(other)
}

function flatten(value: unknown, into: Record<string, true> = {}): Record<string, true> {
  if (typeof value === 'object' && value !== null)
    for (const [key, inner] of Object.entries(value)) {
      into[key] = true
      flatten(inner, into)
    }
  return into
}

/**
 * Copies an asset's files for the twin's account alone. A link is followed within the asset and nowhere else: it would
 * bring another file of this machine into the function's code.
 */
function copyAsset(from: string, to: string, root: string): void {
  mkdirSync(to, { recursive: true, mode: 0o700 })
  for (const name of readdirSync(from)) {
    const [source, target] = [join(from, name), join(to, name)]
    const real = realpathSync(source)
    if (real !== root && !real.startsWith(root + sep))
      throw new Error(
        `${source} leads out of its asset, to ${real}\nHINT: put the file itself into the asset`,
      )
    if (statSync(real).isDirectory()) {
      if (source.startsWith(real + sep)) throw new Error(`${source} leads back to a folder that holds it`)
      copyAsset(source, target, root)
    } else {
      copyFileSync(source, target)
      chmodSync(target, 0o600)
    }
  }
}

function digestOf(asset: string): { digest: string; size: number } {
  const hash = createHash('sha256')
  let size = 0
  const files = readdirSync(asset, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
  for (const file of files) {
    const bytes = readFileSync(file)
    size += bytes.length
    hash.update(file.slice(asset.length)).update('\0').update(bytes)
  }
  return { digest: hash.digest('hex'), size }
}
