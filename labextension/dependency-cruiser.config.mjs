// The layers of src/. A folder imports lower layers only; folders of one layer do not import each
// other. `test/layers.test.ts` shows that the rules detect a violation.

/** From low to high. */
export const LAYERS = [
  ['document'],
  ['editor', 'protocol', 'stdin'],
  ['model', 'peer'],
  ['connection', 'views'],
  ['tokens.ts'],
  ['presence', 'rooms', 'widgets'],
  ['plugins'],
  ['index.ts']
];

const paths = names =>
  names.map(name => `^src/${name.endsWith('.ts') ? name.replace('.', '[.]') + '$' : name + '/'}`);

const upwards = LAYERS.slice(0, -1).flatMap((layer, height) =>
  layer.map(name => {
    const neighbours = layer.filter(other => other !== name);
    return {
      name: `${name} imports lower layers only`,
      severity: 'error',
      from: { path: paths([name]) },
      to: { path: paths([...neighbours, ...LAYERS.slice(height + 1).flat()]) }
    };
  })
);

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no circles',
      comment: 'A circle of imports has no file that can be read first.',
      severity: 'error',
      from: {},
      to: { circular: true }
    },
    {
      name: 'each folder has a layer',
      comment: 'A new folder needs a place in LAYERS.',
      severity: 'error',
      from: { path: '^src/', pathNot: paths(LAYERS.flat()) },
      to: {}
    },
    {
      name: 'one door to Automerge',
      comment: 'Only document/automerge.ts knows how Automerge is loaded.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/document/automerge[.]ts$' },
      to: { path: '@automerge/automerge' }
    },
    ...upwards
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Imports of types count too, because the reader follows them.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' }
  }
};
