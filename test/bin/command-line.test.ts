import { expect, test } from '@jest/globals'
import { holdfast } from './run.ts'

test.each([
  [
    ['chekc'],
    "error: unknown command 'chekc'\n  (Did you mean check?)\nHINT: holdfast --help shows what it takes",
  ],
  [
    ['drill', '--evn', 'prod'],
    "error: unknown option '--evn'\n  (Did you mean --env?)\nHINT: holdfast drill --help shows what it takes",
  ],
  [
    ['evidence', 'verify', '--region', 'us-east-1'],
    "error: option '--region <place>' argument 'us-east-1' is invalid. Allowed choices are home, standby.\nHINT: holdfast evidence verify --help shows what it takes",
  ],
  [
    ['status', '--target', 'azure'],
    "error: option '--target <target>' argument 'azure' is invalid. Allowed choices are twin, aws.\nHINT: holdfast status --help shows what it takes",
  ],
  [
    ['logs', '--lines', 'many'],
    "error: option '--lines <count>' argument 'many' is invalid. want a whole number above zero\nHINT: holdfast logs --help shows what it takes",
  ],
  [
    ['check', '--file', 'README.md'],
    'README.md is no environment: want .ts, .mts, .js, .mjs or .json\nHINT: write it like config/prod.ts, or as JSON',
  ],
])('%j is answered with what was wanted and one step', async (words, said) => {
  const { code, stdout, stderr } = await holdfast(words)
  expect(stderr.trim()).toBe(said)
  expect(stdout).toBe('')
  expect(code).toBe(1)
})

test('the list of commands fits eighty columns, and each command is under a heading', async () => {
  const { code, stdout } = await holdfast(['--help'])
  expect(code).toBe(0)
  expect(stdout.split('\n').filter(line => line.length > 80)).toEqual([])
  expect(stdout).toMatch(
    /Before a deploy:\n {2}check .*On this machine:\n {2}rehearse .*or AWS:\n {2}status /s,
  )
})

test.each(['evidence verify', 'archive cat', 'fault add', 'schedule run'])(
  'the help of %s shows examples',
  async words => {
    const { stdout } = await holdfast([...words.split(' '), '--help'])
    expect(stdout).toContain(`Examples:\n`)
    expect(stdout).toContain(`  holdfast ${words} `)
  },
)
