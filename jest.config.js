// Real PostgreSQL, real synthesized templates: few workers, generous timeouts, one shared assembly a run.
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/strip-types.js' },
  modulePathIgnorePatterns: ['<rootDir>/cdk.out', '<rootDir>/.twin'],
  testTimeout: 120_000,
  maxWorkers: 2,
}
