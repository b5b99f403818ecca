// The WebAssembly is a file of its own: it is compiled while it streams in and cached by itself.
module.exports = {
  module: { rules: [{ test: /\.wasm$/, type: 'asset/resource' }] }
};
