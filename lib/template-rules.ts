import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import {
  CloudFormationValidatePlugin,
  type IPolicyValidationContext,
  type IPolicyValidationPlugin,
  type PolicyValidationPluginReport,
  type PolicyViolation,
} from 'aws-cdk-lib'

const KEPT = join(import.meta.dirname, '..', '.holdfast', 'judged')

// The rules come with CDK, in its own package: its version is theirs.
const VERSION: string = createRequire(import.meta.url)('aws-cdk-lib/package.json').version

type StackTemplate = IPolicyValidationContext['stackTemplates'][number]

/**
 * CloudFormation's own rules, asked once about each template. Starting them and judging everything takes two thirds of
 * a synth, so what they found is kept under the hash of all that they look at: the template's bytes, its place, its
 * account and region, and the version of the rules. What changed in any of these is judged anew.
 */
export class TemplateRules implements IPolicyValidationPlugin {
  // Findings are acknowledged by this name.
  readonly name = CloudFormationValidatePlugin.PLUGIN_NAME
  readonly version = VERSION
  readonly #rules = new CloudFormationValidatePlugin()
  readonly #folder: string

  constructor(folder = KEPT) {
    this.#folder = folder
  }

  validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    const files = new Map(context.stackTemplates.map(stack => [stack, join(this.#folder, keyOf(stack))]))
    const unjudged = [...files].filter(([, file]) => !existsSync(file))
    if (unjudged.length > 0) {
      const stackTemplates = unjudged.map(([stack]) => stack)
      const { violations } = this.#rules.validate({ ...context, stackTemplates })
      for (const [{ templatePath }, file] of unjudged) keep(file, inTemplate(violations, templatePath))
    }
    const violations = [...files].flatMap(([{ templatePath }, file]) => read(file, templatePath))
    return { success: violations.every(({ severity }) => severity !== 'error'), violations }
  }
}

function keyOf({ templatePath, stackConstructPath, accountId, region }: StackTemplate): string {
  const looked = JSON.stringify([VERSION, stackConstructPath, accountId, region])
  return `${createHash('sha256').update(looked).update(readFileSync(templatePath)).digest('hex')}.json`
}

/** What was found in one template, without its path: the same template may be written elsewhere the next time. */
function inTemplate(violations: readonly PolicyViolation[], templatePath: string): PolicyViolation[] {
  return violations.flatMap(violation => {
    const here = violation.violatingResources.filter(resource => resource.templatePath === templatePath)
    const violatingResources = here.map(resource => ({ ...resource, templatePath: '' }))
    return here.length > 0 ? [{ ...violation, violatingResources }] : []
  })
}

function keep(file: string, violations: readonly PolicyViolation[]): void {
  mkdirSync(join(file, '..'), { recursive: true })
  // Whole or not at all: another synth may read it at this moment.
  const draft = `${file}.${randomUUID()}`
  writeFileSync(draft, JSON.stringify(violations))
  renameSync(draft, file)
}

function read(file: string, templatePath: string): PolicyViolation[] {
  const violations = JSON.parse(readFileSync(file, 'utf8')) as PolicyViolation[]
  return violations.map(violation => ({
    ...violation,
    violatingResources: violation.violatingResources.map(resource => ({ ...resource, templatePath })),
  }))
}
