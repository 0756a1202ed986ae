import { spawnSync } from 'node:child_process'
import { expect, test } from '@jest/globals'
import { loadEnvironment } from '../../config/environments.ts'
import { settingsOf, takes } from '../../config/settings.ts'
import { parameters } from '../../lib/parameters.ts'
import { installation } from '../../twin/postgres/installation.ts'

type Described = {
  readonly name: string
  readonly kind: string
  readonly least: number
  readonly most: number
}

/** What the server of that version says of its own settings. It refuses to speak to root. */
function described(version: 17 | 18): Described[] {
  const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const { stdout, stderr } = spawnSync(installation(version).postgres, ['--describe-config'], {
    ...nobody,
    cwd: '/',
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  return stdout
    .trimEnd()
    .split('\n')
    .map(line => line.split('\t'))
    .filter(([, context]) => context !== 'internal')
    .map(([name = '', , , kind = '', , least, most]) => ({
      name,
      kind,
      least: Number(least),
      most: Number(most),
    }))
}

const KINDS: Readonly<Record<string, readonly string[]>> = {
  BOOLEAN: ['boolean', 'text'],
  INTEGER: ['integer'],
  REAL: ['real'],
  STRING: ['text'],
  ENUM: ['text'],
}

test.each([17, 18] as const)(
  'knows every setting that PostgreSQL %i describes, with its kind and range',
  version => {
    const known = settingsOf(String(version))
    const all = described(version)
    expect(all.length).toBeGreaterThan(320)
    for (const { name, kind, least, most } of all) {
      const setting = known.get(name)
      expect([name, KINDS[kind]]).toEqual([name, expect.arrayContaining([setting?.kind])])
      if (!setting || !['INTEGER', 'REAL'].includes(kind)) continue
      // The other version may have a wider range, never a narrower one.
      for (const value of [least, Math.min(most, 1e300)])
        expect([name, value, takes(setting, String(value))]).toEqual([name, value, true])
    }
  },
)

test('knows no setting that neither server has', () => {
  const found = new Set([...described(17), ...described(18)].map(({ name }) => name))
  const hidden = [...settingsOf('17').keys(), ...settingsOf('18').keys()].filter(name => !found.has(name))
  // For developers: servers take these, and leave them out of the description.
  expect([...new Set(hidden)].sort()).toEqual(HIDDEN)
})

test.each(['dev', 'staging', 'prod'])('finds the derived parameters of %s in its own table', name => {
  const known = settingsOf('18')
  for (const [parameter, value] of Object.entries(parameters(loadEnvironment(name))))
    if (!parameter.includes('.')) {
      const setting = known.get(parameter)
      expect([parameter, setting !== undefined && takes(setting, value)]).toEqual([parameter, true])
    }
})

const HIDDEN =
  `allow_in_place_tablespaces allow_system_table_mods application_name backtrace_functions config_file
  debug_discard_caches debug_io_direct debug_logical_replication_streaming debug_parallel_query
  ignore_checksum_failure ignore_invalid_pages ignore_system_indexes jit_debugging_support jit_dump_bitcode
  jit_expressions jit_profiling_support jit_tuple_deforming post_auth_delay pre_auth_delay
  remove_temp_files_after_crash restrict_nonsystem_relation_kind send_abort_for_crash send_abort_for_kill
  trace_connection_negotiation trace_notify trace_sort transaction_deferrable transaction_isolation
  transaction_read_only wal_consistency_checking zero_damaged_pages`.split(/\s+/)
