// Unit, property and conformance tests need nothing but Node.js; `*.int.spec.ts` and `*.e2e.spec.ts` need the embedded
// stack, which `npm test` starts and names to them by KAFKA_BROKERS and DATABASE_URL.
const needsStack = ['\\.int\\.spec\\.ts$', '\\.e2e\\.spec\\.ts$'];

const project = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest'] },
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^#([a-z-]+)$': '<rootDir>/libs/$1/src/index.ts',
  },
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/deploy', '<rootDir>/test'],
  modulePathIgnorePatterns: ['<rootDir>/dist'],
};

export default {
  // ES modules of finished spec files are never collected: a worker above this begins afresh.
  workerIdleMemoryLimit: '1GB',
  testTimeout: 60_000,
  projects: [
    {
      ...project,
      displayName: 'unit',
      testMatch: ['**/*.spec.ts'],
      testPathIgnorePatterns: ['/node_modules/', ...needsStack],
    },
    { ...project, displayName: 'integration', testMatch: ['**/*.int.spec.ts', '**/*.e2e.spec.ts'] },
  ],
};
