/** Where the names of a template come from while it is resolved. Lookups throw a sentence for what is not there. */
export type Scope = {
  readonly stack: string
  readonly region: string
  readonly account: string
  /** A resource's `Ref` or a parameter's value. */
  readonly ref: (name: string) => unknown
  readonly getAtt: (logicalId: string, attribute: string) => unknown
  readonly condition: (name: string) => Promise<boolean>
  readonly mapping: (map: string, top: string, second: string) => unknown
  readonly importValue: (name: string) => Promise<unknown>
  readonly stackOutput: (stack: string, region: string, output: string) => Promise<unknown>
  /** The text behind `{{resolve:<service>:<reference>}}`. */
  readonly dynamic: (service: string, reference: string) => Promise<string>
}

/** What `Ref: AWS::NoValue` leaves: the property is not there. */
const NOTHING = Symbol('AWS::NoValue')

/** Resolves every intrinsic function and dynamic reference in a value of a template. */
export async function resolve(value: unknown, scope: Scope): Promise<unknown> {
  const resolved = await walk(value, scope)
  return resolved === NOTHING ? undefined : resolved
}

async function walk(value: unknown, scope: Scope): Promise<unknown> {
  if (typeof value === 'string') return value.includes('{{resolve:') ? resolveDynamic(value, scope) : value
  if (Array.isArray(value)) {
    const items = await Promise.all(value.map(item => walk(item, scope)))
    return items.filter(item => item !== NOTHING)
  }
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  const [only] = entries
  if (entries.length === 1 && only && isIntrinsic(only[0])) return callIntrinsic(only[0], only[1], scope)
  const resolved = await Promise.all(
    entries.map(async ([key, inner]) => [key, await walk(inner, scope)] as const),
  )
  return Object.fromEntries(resolved.filter(([, inner]) => inner !== NOTHING))
}

function isIntrinsic(key: string): boolean {
  return key === 'Ref' || key.startsWith('Fn::')
}

async function callIntrinsic(name: string, argument: unknown, scope: Scope): Promise<unknown> {
  const intrinsic = INTRINSICS[name]
  if (!intrinsic) throw new Error(`stack ${scope.stack} uses ${name}, which the twin does not know`)
  const result = await intrinsic(argument, scope)
  // A reference may be put together from parts, as around a secret's ARN: it is one only when it is whole.
  return typeof result === 'string' && result.includes('{{resolve:') ? resolveDynamic(result, scope) : result
}

type Intrinsic = (argument: unknown, scope: Scope) => unknown

const INTRINSICS: Readonly<Record<string, Intrinsic>> = {
  Ref: (name, scope) => reference(String(name), scope),
  'Fn::GetAtt': (argument, scope) => {
    const [id, attribute] = Array.isArray(argument) ? argument : splitOnce(String(argument), '.')
    return scope.getAtt(String(id), String(attribute))
  },
  'Fn::Join': async (argument, scope) => {
    const [separator, items] = (await list(argument, scope)) as [string, unknown[]]
    return items.join(separator)
  },
  'Fn::Sub': substitute,
  'Fn::Select': async (argument, scope) => {
    const [index, items] = (await list(argument, scope)) as [number | string, unknown[]]
    const chosen = items[Number(index)]
    if (chosen === undefined) throw new Error(`Fn::Select of item ${index} in a list of ${items.length}`)
    return chosen
  },
  'Fn::Split': async (argument, scope) => {
    const [separator, text] = (await list(argument, scope)) as [string, string]
    return text.split(separator)
  },
  'Fn::FindInMap': async (argument, scope) => {
    const [map, top, second] = (await list(argument, scope)) as [string, string, string]
    return scope.mapping(map, top, second)
  },
  'Fn::If': async (argument, scope) => {
    const [name, yes, no] = argument as [string, unknown, unknown]
    return walk((await scope.condition(name)) ? yes : no, scope)
  },
  'Fn::Equals': async (argument, scope) => {
    const [one, other] = await list(argument, scope)
    return String(one) === String(other)
  },
  'Fn::Not': async (argument, scope) => {
    const [inner] = argument as [unknown]
    return !(await isTrue(inner, scope))
  },
  'Fn::And': async (argument, scope) => (await truths(argument, scope)).every(Boolean),
  'Fn::Or': async (argument, scope) => (await truths(argument, scope)).some(Boolean),
  'Fn::Contains': async (argument, scope) => {
    const [items, item] = (await list(argument, scope)) as [unknown[], unknown]
    return items.map(String).includes(String(item))
  },
  'Fn::Base64': async (argument, scope) =>
    Buffer.from(String(await walk(argument, scope))).toString('base64'),
  'Fn::Cidr': async (argument, scope) => {
    const [block, count, bits = 8] = (await list(argument, scope)) as [string, number, number | undefined]
    return cidrBlocks(block, Number(count), Number(bits))
  },
  'Fn::GetAZs': async (argument, scope) => {
    const region = String((await walk(argument, scope)) || scope.region)
    return ['a', 'b', 'c'].map(zone => `${region}${zone}`)
  },
  'Fn::ImportValue': async (argument, scope) => scope.importValue(String(await walk(argument, scope))),
  'Fn::GetStackOutput': async (argument, scope) => {
    const { StackName, Region, OutputName } = (await walk(argument, scope)) as Record<string, string>
    return scope.stackOutput(String(StackName), Region ?? scope.region, String(OutputName))
  },
  'Fn::ToJsonString': async (argument, scope) => JSON.stringify(await walk(argument, scope)),
  'Fn::Length': async (argument, scope) => ((await walk(argument, scope)) as unknown[]).length,
}

async function list(argument: unknown, scope: Scope): Promise<unknown[]> {
  return (await walk(argument, scope)) as unknown[]
}

async function truths(argument: unknown, scope: Scope): Promise<boolean[]> {
  return Promise.all((argument as unknown[]).map(inner => isTrue(inner, scope)))
}

/** Evaluates a condition: an intrinsic, or the name of another one. */
export async function isTrue(value: unknown, scope: Scope): Promise<boolean> {
  const named = (value as { Condition?: string } | null)?.Condition
  if (typeof named === 'string') return scope.condition(named)
  return (await walk(value, scope)) === true
}

/** A name's value: a pseudo parameter's, or what the scope knows. */
function reference(name: string, scope: Scope): unknown {
  switch (name) {
    case 'AWS::NoValue':
      return NOTHING
    case 'AWS::Region':
      return scope.region
    case 'AWS::AccountId':
      return scope.account
    case 'AWS::Partition':
      return 'aws'
    case 'AWS::URLSuffix':
      return 'amazonaws.com'
    case 'AWS::StackName':
      return scope.stack
    case 'AWS::StackId':
      return stackId(scope)
    case 'AWS::NotificationARNs':
      return []
    default:
      return scope.ref(name)
  }
}

/** The ARN of a stack; the same for each life of the twin. */
export function stackId({ stack, region, account }: Pick<Scope, 'stack' | 'region' | 'account'>): string {
  return `arn:aws:cloudformation:${region}:${account}:stack/${stack}/00000000-0000-0000-0000-000000000000`
}

async function substitute(argument: unknown, scope: Scope): Promise<string> {
  const [text, given] = (Array.isArray(argument) ? argument : [argument, {}]) as [
    string,
    Record<string, unknown>,
  ]
  const variables = (await walk(given, scope)) as Record<string, unknown>
  const parts = text.split(/(\$\{[^}]*\})/).map(part => {
    const [, literal, name] = part.match(/^\$\{(!?)([^}]*)\}$/) ?? []
    if (name === undefined) return part
    if (literal) return `\${${name}}`
    if (Object.hasOwn(variables, name)) return variables[name]
    const [id, attribute] = splitOnce(name, '.')
    return attribute ? scope.getAtt(id, attribute) : reference(name, scope)
  })
  return (await Promise.all(parts)).map(String).join('')
}

async function resolveDynamic(text: string, scope: Scope): Promise<string> {
  const parts = text.split(/(\{\{resolve:[^}]*\}\})/)
  const resolved = await Promise.all(
    parts.map(part => {
      const [, service, reference] = part.match(/^\{\{resolve:([a-z-]+):(.*)\}\}$/) ?? []
      return service && reference ? scope.dynamic(service, reference) : part
    }),
  )
  return resolved.join('')
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function cidrBlocks(block: string, count: number, bits: number): string[] {
  const [address = '', prefix] = block.split('/')
  const size = 2 ** bits
  const base = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
  if (count * size > 2 ** (32 - Number(prefix)))
    throw new Error(`${block} has no room for ${count} blocks of ${size} addresses`)
  return Array.from({ length: count }, (_, index) => {
    const from = base + index * size
    const octets = [24, 16, 8, 0].map(shift => Math.floor(from / 2 ** shift) % 256)
    return `${octets.join('.')}/${32 - bits}`
  })
}
