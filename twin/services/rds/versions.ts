import { installation, type Version } from '../../postgres/installation.ts'
import { WireError } from '../../wire/call.ts'

/** A version that can be asked for. Whatever its minor number, the twin runs the newest of its major version. */
export type EngineVersion = { readonly name: string; readonly major: Version }

/** The versions that the twin knows, oldest first: every minor version up to the one that it runs. */
export function engineVersions(): EngineVersion[] {
  return ([17, 18] as const).flatMap(major => {
    const newest = Number(installation(major).release.split('.')[1] ?? 0)
    return Array.from({ length: newest }, (_, index) => ({ name: `${major}.${index + 1}`, major }))
  })
}

/** The version of this name; a major number alone means its newest. @throws InvalidParameterCombination */
export function findVersion(name: string | undefined): EngineVersion {
  const versions = engineVersions()
  const found =
    name === undefined
      ? versions.at(-1)
      : (versions.find(version => version.name === name) ??
        versions.findLast(version => String(version.major) === name))
  if (!found) throw new WireError('InvalidParameterCombination', `Cannot find version ${name} for postgres`)
  return found
}

export const familyOf = (major: Version) => `postgres${major}`
