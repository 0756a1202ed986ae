import type { Assembly, Stack } from './assembly.ts'
import type { DeployerDeps } from './deployer.ts'
import { keyOf } from './graph.ts'
import { isTrue, resolve, type Scope } from './intrinsics.ts'

/** What the expressions of an assembly's templates refer to: each stack's own resources, and what others give out. */
export class Scopes {
  readonly #assembly: Assembly
  readonly #deps: Pick<DeployerDeps, 'resources' | 'stacks' | 'dynamic'>
  readonly #conditions = new Map<string, Promise<boolean>>()

  constructor(assembly: Assembly, deps: Pick<DeployerDeps, 'resources' | 'stacks' | 'dynamic'>) {
    this.#assembly = assembly
    this.#deps = deps
  }

  /** What a name means inside this stack. Each look-up throws when there is nothing of that name. */
  of(stack: Stack): Scope {
    const { template } = stack
    const stored = (id: string) => {
      const found = this.#deps.resources.get(keyOf(stack, id))
      if (!found) throw new Error(`${id} of ${stack.name} is not there yet`)
      return found
    }
    const scope: Scope = {
      stack: stack.name,
      region: stack.region,
      account: stack.account,
      ref: name => (template.Parameters?.[name] ? this.#parameter(stack, name) : stored(name).ref),
      getAtt: (id, attribute) => {
        const { attributes, type } = stored(id)
        if (!(attribute in attributes))
          throw new Error(
            `the twin does not know the attribute ${attribute} of ${type} (${id} of ${stack.name})`,
          )
        return attributes[attribute]
      },
      condition: name => {
        const key = `${stack.region}/${stack.name}/${name}`
        const known = this.#conditions.get(key)
        if (known) return known
        const expression = template.Conditions?.[name]
        if (expression === undefined) throw new Error(`stack ${stack.name} has no condition ${name}`)
        const truth = isTrue(expression, scope)
        this.#conditions.set(key, truth)
        return truth
      },
      mapping: (map, top, second) => {
        const value = template.Mappings?.[map]?.[top]?.[second]
        if (value === undefined)
          throw new Error(`stack ${stack.name} maps nothing for ${map}.${top}.${second}`)
        return value
      },
      importValue: name => this.#imported(name),
      stackOutput: (name, region, output) => this.#output(name, region, output),
      dynamic: (service, reference) => this.#deps.dynamic(stack.region, service, reference),
    }
    return scope
  }

  async #parameter(stack: Stack, name: string): Promise<unknown> {
    const parameter = stack.template.Parameters?.[name]
    if (parameter?.Default === undefined)
      throw new Error(`stack ${stack.name} has no value for its parameter ${name}`)
    if (!parameter.Type.startsWith('AWS::SSM::Parameter::Value')) return parameter.Default
    return this.#deps.dynamic(stack.region, 'ssm', String(parameter.Default))
  }

  // Outputs are worked out where they are needed: their stack may have resources that are still to come.
  async #output(name: string, region: string, output: string): Promise<unknown> {
    const stack = this.#assembly.stacks.find(other => other.name === name && other.region === region)
    if (!stack) {
      const record = this.#deps.stacks.get(`${region}/${name}`)
      if (record && output in record.outputs) return record.outputs[output]
      throw new Error(`there is no output ${output} of ${name} in ${region}`)
    }
    const value = stack.template.Outputs?.[output]?.Value
    if (value === undefined) throw new Error(`stack ${name} has no output ${output}`)
    return resolve(value, this.of(stack))
  }

  async #imported(name: string): Promise<unknown> {
    for (const stack of this.#assembly.stacks) {
      const scope = this.of(stack)
      for (const output of Object.values(stack.template.Outputs ?? {}))
        if (output.Export && (await resolve(output.Export.Name, scope)) === name)
          return resolve(output.Value, scope)
    }
    throw new Error(`nothing exports ${name}`)
  }
}
