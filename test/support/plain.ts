/**
 * A template's value with its intrinsics as text, so that a test can read it: `<LogicalId>`, `<LogicalId.Attribute>`,
 * `<stack.output>` for what another stack gives.
 */
// biome-ignore lint/suspicious/noExplicitAny: a template is JSON whose shape each test knows.
export function plain(value: any): any {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  if (typeof value.Ref === 'string') return `<${value.Ref}>`
  if (value['Fn::GetAtt']) return `<${value['Fn::GetAtt'].join('.')}>`
  if (value['Fn::Join']) return value['Fn::Join'][1].map(plain).join(value['Fn::Join'][0])
  if (value['Fn::GetStackOutput']) {
    const { StackName, OutputName } = value['Fn::GetStackOutput']
    return `<${StackName}.${OutputName}>`
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}
