import type { Collection } from '../state/collection.ts'
import type { Assembly } from './assembly.ts'
import { buildGraph, type Node } from './graph.ts'
import { resolve, type Scope } from './intrinsics.ts'
import { type Desired, hashOf, type Provisioner, type Stored, tagsOf } from './provisioner.ts'
import { Scopes } from './scopes.ts'

/** The outputs of one deployed stack. */
export type StackRecord = {
  readonly name: string
  readonly region: string
  readonly account: string
  readonly outputs: Readonly<Record<string, unknown>>
  /** Output values by their export name. */
  readonly exports: Readonly<Record<string, unknown>>
  readonly tags: Readonly<Record<string, string>>
  readonly createdAt: string
  readonly updatedAt: string
  readonly template: unknown
}

/** How many resources of one type there are, and what became of them. */
export type TypeCount = {
  readonly type: string
  readonly kind: 'real' | 'recorded'
  /** The program that this machine lacks, and with which the type would be real. */
  readonly missing?: string
  /** What the real ones do not do. */
  readonly limits?: string
  count: number
  created: number
  changed: number
  removed: number
}

/** What the deployer needs. */
export type DeployerDeps = {
  readonly provisioners: Readonly<Record<string, Provisioner>>
  readonly resources: Collection<Stored>
  readonly stacks: Collection<StackRecord>
  /** The text behind a dynamic reference or an SSM parameter. */
  readonly dynamic: (region: string, service: string, reference: string) => Promise<string>
  readonly say: (text: string) => void
  readonly clock: () => number
}

const SAY_AFTER_MS = 1_000

/** Deploys assemblies: what is there is kept or changed in place, what is not is created, in the order of need. */
export class Deployer {
  readonly #deps: DeployerDeps

  constructor(deps: DeployerDeps) {
    this.#deps = deps
  }

  /**
   * Brings everything of the assembly into being. Throws the first failure, with the resource's name, once nothing
   * is under way any more; what was created until then stays, and another `deploy` goes on from there.
   */
  async deploy(assembly: Assembly): Promise<TypeCount[]> {
    this.#refuseUnknown(assembly)
    const nodes = buildGraph(assembly)
    const run = new Run(assembly, this.#deps)
    await run.all(nodes)
    await run.removeLost(nodes)
    await run.recordStacks()
    return run.counts()
  }

  #refuseUnknown(assembly: Assembly): void {
    const unknown = new Set<string>()
    for (const stack of assembly.stacks)
      for (const [id, { Type }] of Object.entries(stack.template.Resources))
        if (!this.#find(Type)) unknown.add(`${Type} (${id} of ${stack.name})`)
    if (unknown.size > 0)
      throw new Error(
        `the twin does not know ${unknown.size === 1 ? 'the resource type' : 'the resource types'} ${[...unknown].join(', ')}\nHINT: give the type a provisioner in twin/deploy, or add it to what is only recorded`,
      )
  }

  #find(type: string): Provisioner | undefined {
    return provisionerOf(this.#deps.provisioners, type)
  }
}

function provisionerOf(
  provisioners: Readonly<Record<string, Provisioner>>,
  type: string,
): Provisioner | undefined {
  const custom = type.startsWith('Custom::') ? 'AWS::CloudFormation::CustomResource' : type
  const known = [type, custom].find(name => Object.hasOwn(provisioners, name))
  return known === undefined ? undefined : provisioners[known]
}

/** One deployment. */
class Run {
  readonly #assembly: Assembly
  readonly #deps: DeployerDeps
  readonly #counts = new Map<string, TypeCount>()
  readonly #work = new Map<string, Promise<void>>()
  readonly #skipped = new Set<string>()
  /** Logical ids and when their creation began. */
  readonly #underWay = new Map<string, number>()
  readonly #scopes: Scopes
  #finished = 0
  #failed = false

  constructor(assembly: Assembly, deps: DeployerDeps) {
    this.#assembly = assembly
    this.#deps = deps
    this.#scopes = new Scopes(assembly, deps)
  }

  async all(nodes: readonly Node[]): Promise<void> {
    const byKey = new Map(nodes.map(node => [node.key, node]))
    const start = (node: Node): Promise<void> => {
      const known = this.#work.get(node.key)
      if (known) return known
      const needed = [...node.needs].map(key => byKey.get(key)).filter(found => found !== undefined)
      const work = Promise.all(needed.map(start)).then(() => this.#one(node))
      this.#work.set(node.key, work)
      return work
    }
    const progress = setInterval(() => this.#progress(nodes.length), SAY_AFTER_MS)
    const results = await Promise.allSettled(nodes.map(start))
    clearInterval(progress)
    const failure = results.find(
      (result): result is PromiseRejectedResult =>
        result.status === 'rejected' && !(result.reason instanceof NotStarted),
    )
    if (failure) throw failure.reason
  }

  counts(): TypeCount[] {
    return [...this.#counts.values()].sort(
      (a, b) => a.kind.localeCompare(b.kind) || a.type.localeCompare(b.type),
    )
  }

  async #one(node: Node): Promise<void> {
    if (this.#failed) throw new NotStarted()
    const { stack, logicalId, declaration } = node
    const scope = this.#scopes.of(stack)
    if (declaration.Condition && !(await scope.condition(declaration.Condition))) {
      this.#skipped.add(node.key)
      return
    }
    const name = `${logicalId} (${declaration.Type})`
    this.#underWay.set(logicalId, Date.now())
    try {
      await this.#settle(node, await this.#desired(node, scope))
    } catch (error) {
      this.#failed = true
      throw new Error(`cannot deploy ${name} of ${stack.name}: ${(error as Error).message}`, { cause: error })
    } finally {
      this.#underWay.delete(logicalId)
      this.#finished += 1
    }
  }

  // What takes longer than a second is named, so that a person knows what is waited for.
  #progress(total: number): void {
    const slow = [...this.#underWay]
      .filter(([, since]) => Date.now() - since > SAY_AFTER_MS)
      .map(([id]) => id)
    if (slow.length > 0)
      this.#deps.say(`${this.#finished} of ${total} resources, waiting for ${slow.join(', ')} …`)
  }

  async #settle(node: Node, desired: Desired): Promise<void> {
    const provisioner = provisionerOf(this.#deps.provisioners, desired.type)
    if (!provisioner) throw new Error(`no provisioner for ${desired.type}`)
    const before = this.#deps.resources.get(node.key)
    const count = this.#count(desired.type, provisioner)
    count.count += 1
    // A program that came or went since makes the resource real, or only recorded: it is brought in line.
    const isSame = before?.kind === provisioner.kind && same(before.properties, desired.properties)
    if (before && before.type === desired.type && isSame) return
    const physical = await (before && before.type === desired.type
      ? change(provisioner, desired, before)
      : provisioner.create(desired))
    if (before) count.changed += 1
    else count.created += 1
    this.#deps.resources.set(node.key, {
      ...physical,
      key: node.key,
      type: desired.type,
      properties: desired.properties,
      kind: provisioner.kind,
      stack: node.stack.name,
      region: node.stack.region,
      logicalId: node.logicalId,
      retained: node.declaration.DeletionPolicy?.startsWith('Retain') ?? false,
    })
  }

  async #desired(node: Node, scope: Scope): Promise<Desired> {
    const { stack, logicalId, declaration } = node
    const properties = ((await resolve(declaration.Properties ?? {}, scope)) ?? {}) as Desired['properties']
    return {
      type: declaration.Type,
      logicalId,
      stack,
      region: stack.region,
      account: stack.account,
      properties,
      tags: { ...stack.tags, ...tagsOf(properties.Tags) },
      declaration,
      assembly: this.#assembly,
      generatedName: `${stack.name}-${logicalId.slice(0, 40)}-${hashOf(stack.region, stack.name, logicalId).slice(0, 12)}`,
    }
  }

  #count(
    type: string,
    { kind, missing, limits }: Pick<Provisioner, 'kind' | 'missing' | 'limits'>,
  ): TypeCount {
    const known = this.#counts.get(type)
    if (known) return known
    const count: TypeCount = {
      type,
      kind,
      ...(missing ? { missing } : {}),
      ...(limits ? { limits } : {}),
      count: 0,
      created: 0,
      changed: 0,
      removed: 0,
    }
    this.#counts.set(type, count)
    return count
  }

  /** Removes what earlier assemblies had and this one has not, unless it is to be retained. */
  async removeLost(nodes: readonly Node[]): Promise<void> {
    const wanted = new Set(nodes.map(node => node.key).filter(key => !this.#skipped.has(key)))
    const names = new Set(this.#assembly.stacks.map(stack => `${stack.region}/${stack.name}`))
    for (const stored of this.#deps.resources.values().reverse()) {
      if (wanted.has(stored.key) || !names.has(`${stored.region}/${stored.stack}`)) continue
      const provisioner = provisionerOf(this.#deps.provisioners, stored.type)
      if (!stored.retained) {
        if (!provisioner?.remove) {
          this.#deps.say(
            `${stored.stack}: ${stored.logicalId} (${stored.type}) is left behind, the twin does not remove it`,
          )
          continue
        }
        await provisioner.remove(stored)
        this.#count(stored.type, { kind: stored.kind }).removed += 1
      }
      this.#deps.resources.delete(stored.key)
    }
  }

  async recordStacks(): Promise<void> {
    for (const stack of this.#assembly.stacks) {
      const scope = this.#scopes.of(stack)
      const outputs: Record<string, unknown> = {}
      const exports: Record<string, unknown> = {}
      for (const [name, output] of Object.entries(stack.template.Outputs ?? {})) {
        if (output.Condition && !(await scope.condition(output.Condition))) continue
        outputs[name] = await resolve(output.Value, scope)
        if (output.Export) exports[String(await resolve(output.Export.Name, scope))] = outputs[name]
      }
      const key = `${stack.region}/${stack.name}`
      const now = new Date(this.#deps.clock()).toISOString()
      this.#deps.stacks.set(key, {
        name: stack.name,
        region: stack.region,
        account: stack.account,
        outputs,
        exports,
        tags: stack.tags,
        createdAt: this.#deps.stacks.get(key)?.createdAt ?? now,
        updatedAt: now,
        template: stack.template,
      })
    }
  }
}

/** A resource that was not begun because another one had failed. */
class NotStarted extends Error {}

async function change(provisioner: Provisioner, desired: Desired, before: Stored) {
  if (!provisioner.update)
    throw new Error(
      `its properties changed and the twin cannot change a ${desired.type} in place\nHINT: reset the twin and bring it up anew`,
    )
  return provisioner.update(desired, before)
}

function same(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
