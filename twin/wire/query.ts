import type { WireError } from './call.ts'
import { unknownMember } from './required.ts'
import { parseText } from './scalar.ts'
import type { Shape } from './shape.ts'

type Node = string | { [key: string]: Node }

/** Reads the form parameters of the awsQuery protocol into the SDK's input shape. */
export function decodeQuery(shape: Shape, form: URLSearchParams, operation: string): Record<string, unknown> {
  const root: { [key: string]: Node } = {}
  for (const [key, value] of form) {
    if (key !== 'Action' && key !== 'Version') insert(root, key.split('.'), value)
  }
  if (shape.kind === 'unit') {
    for (const key of Object.keys(root)) throw unknownMember(key, operation)
    return {}
  }
  return read(shape, root, operation, '') as Record<string, unknown>
}

function insert(root: { [key: string]: Node }, path: readonly string[], value: string): void {
  let node = root
  for (const step of path.slice(0, -1)) {
    let next = node[step]
    if (typeof next !== 'object') {
      next = Object.create(null) as { [key: string]: Node }
      node[step] = next
    }
    node = next
  }
  node[path.at(-1) ?? ''] = value
}

function read(shape: Shape, node: Node, operation: string, path: string): unknown {
  if (shape.kind === 'struct') return readStruct(shape, node, operation, path)
  if (shape.kind === 'list') return readList(shape, node, operation, path)
  if (shape.kind === 'map') return readMap(shape, node, operation, path)
  if (typeof node !== 'string') throw refuse(path, operation)
  return parseText(shape, node, path)
}

const refuse = (path: string, operation: string): WireError => unknownMember(path, operation)
const join = (path: string, key: string) => (path ? `${path}.${key}` : key)

function readStruct(shape: Shape, node: Node, operation: string, path: string): Record<string, unknown> {
  const value: Record<string, unknown> = {}
  if (typeof node === 'string') return value
  for (const [key, child] of Object.entries(node)) {
    const [name, member] = memberAt(shape, key) ?? []
    if (!name || !member) throw refuse(join(path, key), operation)
    value[name] = read(member, child, operation, join(path, key))
  }
  return value
}

function memberAt(shape: Shape, key: string): [string, Shape] | undefined {
  const direct = shape.members.get(key)
  if (direct && (direct.traits.xmlName ?? key) === key) return [key, direct]
  for (const [name, member] of shape.members) if (member.traits.xmlName === key) return [name, member]
  return undefined
}

const inOrder = (node: { [key: string]: Node }) =>
  Object.entries(node).sort(([left], [right]) => Number(left) - Number(right))

function readList(shape: Shape, node: Node, operation: string, path: string): unknown[] {
  // `Name=` alone is an empty list.
  if (typeof node === 'string') return []
  const itemName = shape.item.traits.xmlName ?? 'member'
  const numbered = shape.traits.xmlFlattened ? node : (node[itemName] ?? node.member)
  if (typeof numbered !== 'object') throw refuse(join(path, Object.keys(node)[0] ?? ''), operation)
  return inOrder(numbered).map(([index, child]) => {
    const at = join(shape.traits.xmlFlattened ? path : join(path, itemName), index)
    if (!/^\d+$/.test(index)) throw refuse(at, operation)
    return read(shape.item, child, operation, at)
  })
}

function readMap(shape: Shape, node: Node, operation: string, path: string): Record<string, unknown> {
  const value: Record<string, unknown> = {}
  if (typeof node === 'string') return value
  const entries = shape.traits.xmlFlattened ? node : node.entry
  if (typeof entries !== 'object') throw refuse(join(path, Object.keys(node)[0] ?? ''), operation)
  for (const [index, entry] of inOrder(entries)) {
    const key = typeof entry === 'object' ? entry[shape.key.traits.xmlName ?? 'key'] : undefined
    const child = typeof entry === 'object' ? entry[shape.item.traits.xmlName ?? 'value'] : undefined
    if (typeof key !== 'string' || child === undefined) throw refuse(join(path, index), operation)
    value[key] = read(shape.item, child, operation, join(path, key))
  }
  return value
}
