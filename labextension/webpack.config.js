// The WebAssembly is a file of its own: it is compiled while it streams in and cached by itself.
// The `v` in its address tells Jupyter Server that it may be cached for good.
module.exports = {
  module: { rules: [{ test: /\.wasm$/, type: 'asset/resource' }] },
  output: { assetModuleFilename: '[hash][ext]?v=[hash]' },
  performance: { hints: false }
};
