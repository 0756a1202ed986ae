// Prints, as JSON, the rows of the compliance table that no environment needs: a process of its own, since the packs are large.
import { join } from 'node:path'
import { App } from 'aws-cdk-lib'
import { AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks } from 'cdk-nag'
import { loadEnvironment } from '../../config/environments.ts'
import { bundle, VERBS } from '../../lib/bundles.ts'
import { acknowledgements } from '../../lib/compliance.ts'
import { createStacks } from '../../lib/stacks.ts'
import { ENVIRONMENTS } from './assembly.ts'

const bundles = await bundle(VERBS)
const needed = new Map<string, boolean>()

for (const environment of ENVIRONMENTS) {
  const config = loadEnvironment(environment)
  const app = new App({
    outdir: join(process.argv[2] ?? '', `bare-${environment}`),
    analyticsReporting: false,
  })
  createStacks(app, config, bundles)
  const packs = [AwsSolutionsChecks, NIST80053R5Checks, HIPAASecurityChecks, PCIDSS321Checks]
  const findings = packs.flatMap(Pack =>
    new Pack(app).validateScope(app).violations.flatMap(violation =>
      violation.violatingResources.map(resource => ({
        rule: violation.ruleName,
        path: resource.constructPath?.slice(config.name.length + 1) ?? '',
      })),
    ),
  )
  for (const { rules, where, reason } of acknowledgements(config)) {
    // CDK's own rules report only at the end of a synth; a stale one of these is harmless.
    if (rules.every(rule => /^(CloudFormation-Validate|Annotation)::/.test(rule))) continue
    const used = findings.some(({ rule, path }) => rules.includes(rule) && where.test(path))
    needed.set(`${rules[0]}: ${reason}`, (needed.get(`${rules[0]}: ${reason}`) ?? false) || used)
  }
}

console.log(JSON.stringify([...needed].filter(([, used]) => !used).map(([row]) => row)))
