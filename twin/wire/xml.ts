import { XmlShapeDeserializer } from '@aws-sdk/core/protocols'
import { WireError } from './call.ts'
import { unknownMember } from './required.ts'
import { formatText, parseText } from './scalar.ts'
import type { Shape } from './shape.ts'

const DOCUMENT = 15
const parser = new XmlShapeDeserializer({
  timestampFormat: { useTrait: true, default: 5 },
  xmlNamespace: '',
  httpBindings: false,
  serviceNamespace: '',
} as never)

/** Reads an XML body whose root element stands for `shape`. */
export function decodeXml(shape: Shape, body: Buffer, operation: string): unknown {
  let tree: unknown
  try {
    tree = parser.read(DOCUMENT as never, new Uint8Array(body))
  } catch (cause) {
    const error = new WireError('MalformedXML', 'The XML you provided was not well-formed.')
    error.cause = cause
    throw error
  }
  return readXml(shape, tree, operation, '')
}

function readXml(shape: Shape, node: unknown, operation: string, path: string): unknown {
  switch (shape.kind) {
    case 'struct':
      return readStruct(shape, node, operation, path)
    case 'list':
      return readList(shape, node, operation, path)
    case 'map':
      throw new WireError(
        'MalformedXML',
        `${path} is a map, which no request of the twin's services carries in XML`,
      )
    default:
      return parseText(shape, typeof node === 'object' ? '' : String(node), path)
  }
}

function readStruct(shape: Shape, node: unknown, operation: string, path: string): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  if (typeof node !== 'object' || node === null) return result
  for (const [key, child] of Object.entries(node)) {
    if (key === 'xmlns' || key.startsWith('xmlns:')) continue
    const found = [...shape.members].find(([name, member]) => (member.traits.xmlName ?? name) === key)
    if (!found) throw unknownMember(path ? `${path}.${key}` : key, operation)
    result[found[0]] = readXml(found[1], child, operation, path ? `${path}.${key}` : key)
  }
  return result
}

function readList(shape: Shape, node: unknown, operation: string, path: string): unknown[] {
  const itemName = shape.item.traits.xmlName ?? 'member'
  const source = shape.traits.xmlFlattened
    ? node
    : typeof node === 'object' && node !== null
      ? (node as Record<string, unknown>)[itemName]
      : undefined
  if (source === undefined || source === null) return []
  const items = Array.isArray(source) ? source : [source]
  return items.map((item, index) => readXml(shape.item, item, operation, `${path}[${index}]`))
}

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#xD;',
  '\n': '&#xA;',
}

/** Text with the five characters and the line ends escaped that XML would otherwise change. */
export const escapeXml = (text: string): string =>
  text.replace(/[&<>"\r\n]/g, character => ESCAPES[character] ?? '')

/** How a member of a struct stands in XML, worked out once: an answer has thousands of them. */
type Element = {
  readonly member: Shape
  readonly tag: string
  readonly place: 'attribute' | 'flat list' | 'flat map' | 'element'
}

const elements = new WeakMap<Shape, ReadonlyMap<string, Element>>()

function elementsOf(shape: Shape): ReadonlyMap<string, Element> {
  const known = elements.get(shape)
  if (known) return known
  const made = new Map(
    [...shape.members].map(([name, member]) => [
      name,
      { member, tag: member.traits.xmlName ?? name, place: placeOf(member) },
    ]),
  )
  elements.set(shape, made)
  return made
}

function placeOf({ kind, traits }: Shape): Element['place'] {
  if (traits.xmlAttribute) return 'attribute'
  if (traits.xmlFlattened && kind === 'list') return 'flat list'
  return traits.xmlFlattened && kind === 'map' ? 'flat map' : 'element'
}

/** The element `name` with the value under the shape. */
export function writeXml(shape: Shape, value: unknown, name: string, xmlns?: string): string {
  const root = xmlns ? ` xmlns="${xmlns}"` : ''
  switch (shape.kind) {
    case 'struct': {
      const fields = value as Record<string, unknown>
      const head = `${root || namespaceOf(shape)}${writeAttributes(shape, fields)}`
      return `<${name}${head}>${writeMembers(shape, fields)}</${name}>`
    }
    case 'list':
      return `<${name}${root}>${writeItems(shape, value as unknown[])}</${name}>`
    case 'map':
      return `<${name}${root}>${writeEntries(shape, value as object, 'entry')}</${name}>`
    default:
      return `<${name}${root}>${escapeXml(formatText(shape, value))}</${name}>`
  }
}

function namespaceOf({ traits: { xmlNamespace } }: Shape): string {
  if (!xmlNamespace) return ''
  return ` ${xmlNamespace[0] ? `xmlns:${xmlNamespace[0]}` : 'xmlns'}="${xmlNamespace[1]}"`
}

function writeAttributes(shape: Shape, value: Record<string, unknown>): string {
  let text = ''
  for (const [name, child] of Object.entries(value)) {
    const element = elementsOf(shape).get(name)
    if (element?.place !== 'attribute' || child === undefined) continue
    text += ` ${element.tag}="${escapeXml(formatText(element.member, child))}"`
  }
  return text
}

/** The members of a struct, one element each, without the struct's own element. */
export function writeMembers(shape: Shape, value: Record<string, unknown>): string {
  const known = elementsOf(shape)
  let text = ''
  for (const name of Object.keys(value)) {
    const child = value[name]
    if (child === undefined || child === null) continue
    const element = known.get(name)
    if (!element) throw new Error(`${shape.name} has no member ${name}: the twin answered outside the model`)
    const { member, tag, place } = element
    if (place === 'element') text += writeXml(member, child, tag)
    else if (place === 'flat list')
      for (const item of child as unknown[]) text += writeXml(member.item, item, tag)
    else if (place === 'flat map') text += writeEntries(member, child as object, tag)
  }
  return text
}

const writeItems = (shape: Shape, items: readonly unknown[]): string =>
  items.map(item => writeXml(shape.item, item, shape.item.traits.xmlName ?? 'member')).join('')

function writeEntries(shape: Shape, value: object, tag: string): string {
  const keyTag = shape.key.traits.xmlName ?? 'key'
  const valueTag = shape.item.traits.xmlName ?? 'value'
  return Object.entries(value)
    .map(
      ([key, child]) =>
        `<${tag}><${keyTag}>${escapeXml(key)}</${keyTag}>${writeXml(shape.item, child, valueTag)}</${tag}>`,
    )
    .join('')
}
