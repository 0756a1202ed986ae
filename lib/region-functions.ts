import { CfnOutput } from 'aws-cdk-lib'
import { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import { Alarms } from './alarms/alarms.ts'
import { functionRows } from './alarms/function-rows.ts'
import type { Bundle, Bundles, Verb } from './bundles.ts'
import type { DatabaseGroups } from './database-groups.ts'
import { type PlannedDrill, planDrills, witnessTime } from './drill-plan.ts'
import type { Keys } from './keys.ts'
import { VerbFunction } from './lambda.ts'
import type { Network } from './network.ts'
import { Schedules } from './schedules.ts'
import {
  archiveVerificationSettings,
  examineSettings,
  freshnessSettings,
  type Instance,
  reaperSettings,
  restoreDrillSettings,
  rollForwardSettings,
  type Surroundings,
  type VerbSettings,
} from './verbs.ts'

export type RegionFunctionsProps = {
  readonly config: EnvironmentConfig
  readonly region: string
  readonly keys: Keys
  readonly network: Network
  readonly groups: DatabaseGroups
  readonly reference: Instance
  readonly bundles: Bundles
}

/** The functions and the clockwork of one region. Each verb's alias is an output of the stack: `ReaperArn` and so on. */
export class RegionFunctions extends Construct {
  readonly schedules: Schedules
  readonly #props: RegionFunctionsProps

  constructor(scope: Construct, id: string, props: RegionFunctionsProps) {
    super(scope, id)
    this.#props = props
    this.schedules = new Schedules(this, 'Schedules', { config: props.config, key: props.keys.data })
  }

  /** What a verb finds around it. */
  surroundings(verb: Verb): Surroundings {
    return { ...this.#props, code: this.#bundle(verb).hash }
  }

  add(verb: Verb, { inNetwork, ...settings }: VerbSettings): VerbFunction {
    const { config, keys, network } = this.#props
    const added = new VerbFunction(this, pascal(verb), {
      ...settings,
      config,
      bundle: this.#bundle(verb),
      key: keys.data,
      network: inNetwork ? network : undefined,
    })
    // Beside the function and not with the other alarms, which would hold its name fast from another stack.
    const rows = functionRows({
      verb,
      functionName: added.function.functionName,
      timeout: settings.timeout,
      region: this.#props.region === config.region ? 'home' : 'standby',
    })
    new Alarms(added, 'Alarms', { config, rows })
    new CfnOutput(this, `${pascal(verb)}Output`, { value: added.alias.functionArn }).overrideLogicalId(
      `${pascal(verb)}Arn`,
    )
    return added
  }

  /**
   * The examiner, the drill and its schedules.
   * @param witnessed whom the witness reads. @default the living instance that copies are compared with
   */
  addDrill(region: 'home' | 'standby', witnessed = this.#props.reference): readonly PlannedDrill[] {
    const examine = this.add('examine', examineSettings(this.surroundings('examine'), witnessed))
    const examineArn = examine.alias.functionArn
    // The archive's tail belongs to the primary, which lives at home.
    const rollForward =
      region === 'home' && this.#props.config.archive.enabled
        ? this.add('roll-forward', rollForwardSettings(this.surroundings('roll-forward')))
        : undefined
    const drill = this.add(
      'restore-drill',
      restoreDrillSettings(this.surroundings('restore-drill'), examineArn, rollForward?.alias.functionArn),
    )
    if (rollForward !== undefined) this.#addWitness(examineArn)
    const planned = planDrills(this.#props.config, region)
    for (const { id, expression, request } of planned)
      this.schedules.add(id, {
        expression,
        description: `drill: ${request.requestedBy}`,
        target: drill.alias.functionArn,
        input: request,
        retries: 2,
      })
    return planned
  }

  /** A row that a bad write takes today is proven by what was seen of it yesterday. */
  #addWitness(examineArn: string): void {
    this.schedules.add('Witness', {
      expression: witnessTime(this.#props.config.database.backup.window),
      description: 'sees every row version of the database',
      target: examineArn,
      input: { task: 'witness' },
      retries: 2,
    })
  }

  addReaper(): void {
    const reaper = this.add('reaper', reaperSettings(this.surroundings('reaper')))
    this.schedules.add('Reaper', {
      expression: 'rate(1 hour)',
      description: 'deletes what a drill left behind',
      target: reaper.alias.functionArn,
    })
  }

  /** Looks at the proofs from this region; the other one does the same, so that neither watches itself alone. */
  addFreshness(): void {
    const freshness = this.add('freshness', freshnessSettings(this.surroundings('freshness')))
    this.schedules.add('Freshness', {
      expression: 'rate(5 minutes)',
      description: 'how old is the newest proof of each kind',
      target: freshness.alias.functionArn,
    })
  }

  addArchiveVerification(): void {
    const verb = 'archive-verification'
    const verification = this.add(verb, archiveVerificationSettings(this.surroundings(verb)))
    this.schedules.add('ArchiveVerification', {
      expression: 'rate(1 day)',
      description: 'reads the archive back',
      target: verification.alias.functionArn,
      retries: 2,
    })
  }

  #bundle(verb: Verb): Bundle {
    const bundle = this.#props.bundles.get(verb)
    if (bundle === undefined) throw new Error(`${verb} was not bundled`)
    return bundle
  }
}

function pascal(verb: string): string {
  return verb.replace(/(^|-)([a-z])/g, (_, __, letter: string) => letter.toUpperCase())
}
