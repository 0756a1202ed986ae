// Real PostgreSQL, real synthesized templates: they wait more than they compute, so three workers suit two cores.
export default {
  testEnvironment: '<rootDir>/test/support/environment.js',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/strip-types.js' },
  modulePathIgnorePatterns: ['<rootDir>/cdk.out', '<rootDir>/.twin'],
  testTimeout: 300_000,
  maxWorkers: 3,
}
