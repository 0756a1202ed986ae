import type { Assembly, Declaration, Stack } from './assembly.ts'

/** One resource to be created, and the keys of those that it needs first. */
export type Node = {
  /** `<region>/<stack>/<logical id>` */
  readonly key: string
  readonly stack: Stack
  readonly logicalId: string
  readonly declaration: Declaration
  readonly needs: ReadonlySet<string>
}

/** The key of a resource. */
export function keyOf(stack: Pick<Stack, 'region' | 'name'>, logicalId: string): string {
  return `${stack.region}/${stack.name}/${logicalId}`
}

/**
 * The resources of all stacks with what each needs: what it refers to, what it says it depends on, and everything
 * of the stacks that its own stack depends on. Throws a sentence for a reference that leads nowhere and for a cycle.
 */
export function buildGraph(assembly: Assembly): Node[] {
  const byName = new Map(assembly.stacks.map(stack => [`${stack.region}/${stack.name}`, stack]))
  const nodes = assembly.stacks.flatMap(stack =>
    Object.entries(stack.template.Resources).map(([logicalId, declaration]) => ({
      key: keyOf(stack, logicalId),
      stack,
      logicalId,
      declaration,
      needs: needsOf(assembly, byName, stack, declaration),
    })),
  )
  refuseCycles(nodes)
  return nodes
}

function needsOf(
  assembly: Assembly,
  byName: ReadonlyMap<string, Stack>,
  stack: Stack,
  declaration: Declaration,
): Set<string> {
  const needs = new Set<string>()
  const add = (from: Stack, id: string) => {
    if (from.template.Resources[id]) needs.add(keyOf(from, id))
    else if (!from.template.Parameters?.[id] && !id.startsWith('AWS::'))
      throw new Error(`stack ${from.name} refers to ${id}, which it does not have`)
  }
  for (const id of [declaration.DependsOn ?? []].flat()) add(stack, id)
  collect(declaration.Properties, reference => {
    if (reference.kind === 'resource') add(stack, reference.id)
    else if (reference.kind === 'output') {
      const other = byName.get(`${reference.region ?? stack.region}/${reference.stack}`)
      if (!other)
        throw new Error(
          `stack ${stack.name} needs the output ${reference.output} of ${reference.stack}, which is not in the assembly`,
        )
      collect(other.template.Outputs?.[reference.output]?.Value, inner => {
        if (inner.kind === 'resource') add(other, inner.id)
      })
    } else
      for (const other of assembly.stacks)
        for (const output of Object.values(other.template.Outputs ?? {}))
          if (output.Export?.Name === reference.name)
            collect(output.Value, inner => {
              if (inner.kind === 'resource') add(other, inner.id)
            })
  })
  for (const name of stack.dependencies)
    for (const other of assembly.stacks)
      if (other.name === name) for (const id of Object.keys(other.template.Resources)) add(other, id)
  return needs
}

type Reference =
  | { readonly kind: 'resource'; readonly id: string }
  | { readonly kind: 'output'; readonly stack: string; readonly region?: string; readonly output: string }
  | { readonly kind: 'export'; readonly name: string }

/** Calls `found` for everything that a value of a template refers to. */
function collect(value: unknown, found: (reference: Reference) => void): void {
  if (Array.isArray(value)) for (const item of value) collect(item, found)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'Ref') found({ kind: 'resource', id: String(inner) })
    else if (key === 'Fn::GetAtt')
      found({ kind: 'resource', id: String(Array.isArray(inner) ? inner[0] : inner).split('.')[0] ?? '' })
    else if (key === 'Fn::Sub') collectSub(inner, found)
    else if (key === 'Fn::ImportValue' && typeof inner === 'string') found({ kind: 'export', name: inner })
    else if (key === 'Fn::GetStackOutput') {
      const { StackName, Region, OutputName } = inner as Record<string, string>
      found({ kind: 'output', stack: String(StackName), region: Region, output: String(OutputName) })
    } else collect(inner, found)
  }
}

function collectSub(value: unknown, found: (reference: Reference) => void): void {
  const [text, given] = (Array.isArray(value) ? value : [value, {}]) as [string, Record<string, unknown>]
  collect(given, found)
  for (const [, name = ''] of text.matchAll(/\$\{([^}!][^}]*)\}/g)) {
    const id = name.split('.')[0] ?? ''
    if (!(id in given) && !id.startsWith('AWS::')) found({ kind: 'resource', id })
  }
}

function refuseCycles(nodes: readonly Node[]): void {
  const byKey = new Map(nodes.map(node => [node.key, node]))
  const state = new Map<string, 'open' | 'done'>()
  const visit = (node: Node, path: readonly string[]) => {
    if (state.get(node.key) === 'done') return
    if (state.get(node.key) === 'open')
      throw new Error(
        `the assembly has a cycle: ${[...path.slice(path.indexOf(node.key)), node.key].join(' → ')}`,
      )
    state.set(node.key, 'open')
    for (const key of node.needs) {
      const next = byKey.get(key)
      if (next) visit(next, [...path, node.key])
    }
    state.set(node.key, 'done')
  }
  for (const node of nodes) visit(node, [])
}
