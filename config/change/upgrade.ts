import { type ChangeRule, danger, nameOf, type ResourceChange } from './danger.ts'

/** Another version of the engine: back never, to another major only on purpose, and replicas before their source. */
export const mustUpgradeInOrder: ChangeRule = change => {
  const property = change.properties.find(({ name }) => name === 'EngineVersion')
  if (change.type !== 'AWS::RDS::DBInstance' || !property || !change.before || !change.after) return []
  const told = tell(change, String(property.before), String(property.after))
  return told ? [danger(change, `${nameOf(change)} ${told.consequence}`, told.hint, property)] : []
}

type Told = { readonly consequence: string; readonly hint: string }

function tell(change: ResourceChange, before: string, after: string): Told | undefined {
  const [from, to] = [version(before), version(after)]
  if (to.major < from.major || (to.major === from.major && to.minor < from.minor))
    return { consequence: `cannot go back from ${before} to ${after}: RDS refuses`, hint: 'keep the version' }
  if (to.major > from.major) return ofMajor(change, from.major, to.major)
  const { replicas } = change
  if (to.minor > from.minor && replicas.length > 0)
    return {
      consequence: `cannot go to ${after} before its replicas: RDS refuses while one of ${replicas.join(', ')} is older`,
      hint: `upgrade each first, with "aws rds modify-db-instance --engine-version ${after} --apply-immediately", then deploy with --allow`,
    }
  return undefined
}

function ofMajor(change: ResourceChange, from: number, to: number): Told {
  return change.after?.Properties?.AllowMajorVersionUpgrade === true
    ? {
        consequence: `is upgraded from ${from} to ${to}: an outage, no way back, and refused while logical slots exist`,
        hint: 'restore a copy and upgrade that first; then drop the slots and deploy with --allow',
      }
    : {
        consequence: `cannot go from ${from} to ${to}: RDS refuses it without AllowMajorVersionUpgrade`,
        hint: 'set database.allowMajorUpgrade to true for this one deployment',
      }
}

/** `18.2` → 18 and 2; a major alone leaves the minor to RDS, which never goes back by itself: not comparable. */
function version(text: string): { major: number; minor: number } {
  const [major = 0, minor = Number.NaN] = text.split('.').map(Number)
  return { major, minor }
}
