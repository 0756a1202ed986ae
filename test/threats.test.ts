import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

const ROOT = join(import.meta.dirname, '..')
const text = readFileSync(join(ROOT, 'docs', 'threats.md'), 'utf8')

/** The last cell of each row of a table that says what holds it, as the names of tests in it. */
const named = text
  .split('\n')
  .filter(line => line.startsWith('| ') && !line.startsWith('| who ') && !line.startsWith('| role '))
  .flatMap(line =>
    [
      ...(line
        .split('|')
        .at(-2)
        ?.matchAll(/`([\w/-]+)`/g) ?? []),
    ].map(([, name = '']) => name),
  )

/** A file or a folder of tests, under test/attacks, test/lambdas or test. */
const isTest = (name: string) =>
  ['test/attacks', 'test/lambdas', 'test'].some(
    folder =>
      existsSync(join(ROOT, folder, `${name}.test.ts`)) ||
      globSync(`${folder}/${name}/*.test.ts`, { cwd: ROOT }).length > 0,
  )

test('each threat names tests that are there', () => {
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter(name => !isTest(name))).toEqual([])
})

test('each test of an attack is named by a threat', () => {
  const attacks = globSync('test/attacks/**/*.test.ts', { cwd: ROOT }).map(file =>
    file.slice('test/attacks/'.length, -'.test.ts'.length),
  )
  expect(
    attacks.filter(name => !text.includes(`\`${name}\``) && !text.includes(`\`${name.split('/')[0]}\``)),
  ).toEqual([])
})

test('each function and each login of ours has a row', () => {
  const functions = globSync('lambdas/*/handler.ts', { cwd: ROOT }).map(file => file.split('/')[1] ?? '')
  const logins = globSync('sql/migrations/*.sql', { cwd: ROOT })
    .flatMap(file => [
      ...readFileSync(join(ROOT, file), 'utf8').matchAll(/create role (holdfast_\w+)|'(holdfast_[a-z_]+)'/g),
    ])
    .flatMap(([, made, quoted]) => made ?? quoted ?? [])
    .filter(name => !/archive|roll_forward_|^holdfast_(1|2)/.test(name))
  expect(functions.filter(name => !text.includes(`\`${name}\``))).toEqual([])
  expect(
    [...new Set([...logins, 'holdfast_archiver'])].filter(name => !text.includes(`\`${name}\``)),
  ).toEqual([])
})
