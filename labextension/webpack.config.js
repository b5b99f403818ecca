// The WebAssembly is a file of its own: it is compiled while it streams in and cached by itself.
// The `v` in its address tells Jupyter Server that it may be cached for good. It is shipped
// compressed, a third of its size; `src/document/automerge.ts` unpacks it.
const fs = require('fs');
const path = require('path');
const zlib = require('zlib');

const wasm = fs.readFileSync(require.resolve('@automerge/automerge/automerge.wasm'));
fs.writeFileSync(
  path.join(__dirname, 'lib', 'automerge.wasm.gz'),
  zlib.gzipSync(wasm, { level: 9 })
);

module.exports = {
  module: {
    rules: [
      { test: /\.wasm\.gz$/, type: 'asset/resource' },
      // Automerge's own loader names the uncompressed file, which is never asked for.
      { test: /@automerge[\\/]automerge[\\/].*\.js$/, parser: { url: false } }
    ]
  },
  output: { assetModuleFilename: '[hash][ext]?v=[hash]' },
  performance: { hints: false }
};
