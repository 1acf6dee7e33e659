// The import rules of the architecture, each with its reason. `npm test` holds them.
const pureLibraries = '^libs/(kernel|envelope|merkle|contracts|calendar|catalogue)/src';
const tests = '[.](spec|fixture)[.]ts$';

module.exports = {
  forbidden: [
    {
      name: 'no-app-imports-another-app',
      comment: 'Services share libraries and contracts, never code or tables: else none can be split off or replaced.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'libraries-by-their-index',
      comment: 'What a library does not export may change without asking: nobody reaches past its index.ts.',
      severity: 'error',
      from: { path: '^(apps|deploy|test)/' },
      to: { path: '^libs/[^/]+/src/', pathNot: '^libs/[^/]+/src/index[.]ts$' },
    },
    {
      name: 'libraries-by-their-index-from-libraries',
      comment: 'The same between libraries.',
      severity: 'error',
      from: { path: '^libs/([^/]+)/' },
      to: { path: '^libs/[^/]+/src/', pathNot: ['^libs/$1/', '^libs/[^/]+/src/index[.]ts$'] },
    },
    {
      name: 'libraries-know-no-app',
      comment: 'A library that knows its users cannot serve another one.',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(apps|deploy|test)/' },
    },
    {
      name: 'pure-libraries-no-frameworks',
      comment:
        'Sealing, proofs, ids and rules must run and be checked anywhere, an auditor’s machine included: no NestJS, TypeORM or Kafka in them.',
      severity: 'error',
      from: { path: pureLibraries, pathNot: tests },
      to: { path: 'node_modules/(@nestjs|typeorm|kafkajs|pg|fastify|undici)(/|$)' },
    },
    {
      name: 'pure-libraries-no-outside-world',
      comment: 'What is pure has no files, network or processes: the same input gives the same result everywhere.',
      severity: 'error',
      from: { path: pureLibraries, pathNot: tests },
      to: {
        dependencyTypes: ['core'],
        path: '^(node:)?(child_process|cluster|dgram|dns|fs|http|http2|https|net|os|process|tls|worker_threads)(/|$)',
      },
    },
    {
      name: 'pure-libraries-import-pure-ones',
      comment: 'A pure library that imports another kind of library is no longer pure.',
      severity: 'error',
      from: { path: pureLibraries, pathNot: tests },
      to: { path: '^libs/', pathNot: pureLibraries },
    },
    {
      name: 'domain-imports-no-libraries-but-rules',
      comment:
        'Rules are read and tested without a framework or database: domain/ imports the kernel, contracts’ types, the pure rules and itself.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/src/domain/', pathNot: tests },
      to: {
        path: '.',
        pathNot: [
          '^apps/$1/src/domain/',
          '^libs/(kernel|contracts|envelope|merkle|calendar|catalogue)/src/index[.]ts$',
          // Parsers without files, network or state.
          'node_modules/(csv-parse|finnish-business-ids)/',
          '^node:',
          '^[a-z_]+$',
        ],
      },
    },
    {
      name: 'pages-are-made-at-agent-and-cli',
      comment:
        'The hub gives bodies to whom they concern and makes no page of them: who reads a report is known to agency and auditor only.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: ['^apps/(agent|cli)/', '^libs/(pdf|disclosure-report)/'] },
      to: { path: '^libs/(pdf|disclosure-report)/' },
    },
    {
      name: 'private-keys-at-agent-and-cli-only',
      comment:
        'The hub must not be able to hold an agency’s private key: promise 1. So no hub service can load the vault.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: ['^apps/(agent|cli)/', '^libs/key-vault/'] },
      to: { path: '^libs/key-vault/' },
    },
    {
      name: 'kafka-behind-one-adapter',
      comment:
        'kafkajs loses messages unless it is used by the adapter’s rules (design page 4): nobody goes around them.',
      severity: 'error',
      from: { pathNot: ['^libs/messaging/', '^node_modules/', tests] },
      to: { path: 'node_modules/kafkajs/' },
    },
    {
      name: 'no-test-code-in-production',
      comment: 'Builders and fakes sign with known keys.',
      severity: 'error',
      from: { path: '^(apps|libs|deploy)/', pathNot: [tests, '^libs/testing/', '[.]testing[.]ts$'] },
      to: { path: ['^libs/testing/', '[.]spec[.]ts$', '[.]fixture[.]ts$'] },
    },
    {
      name: 'no-cycles',
      comment: 'Modules of a cycle can only be understood, tested and loaded together.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'An import that is not found here would slip past every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '/dist/' },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '__generated__', '^dist/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    webpackConfig: { fileName: '.dependency-cruiser.resolve.mjs' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
