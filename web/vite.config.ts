import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

// The output is committed and embedded into the binary, so a build must give the same bytes on every machine: names hold the
// hash of what is in them, and nothing of the time or the folder.
export default defineConfig({
  base: '/',
  publicDir: 'public', // what has a fixed name: icons and the manifest
  resolve: {
    alias: { '@showcard/sdk': here('../sdk/ts/src/index.ts') },
    dedupe: ['preact'],
  },
  // Workers are classic scripts: browsers took modules in workers years later than modules in pages.
  worker: { format: 'iife', rollupOptions: { output: { entryFileNames: 'assets/[name].[hash].js', assetFileNames: 'assets/[name].[hash][extname]' } } },
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
  build: {
    // Phones of 2018 (Chrome 64, Safari 12): modules and dynamic import are there, newer syntax is not.
    target: ['es2019', 'chrome64', 'safari12'],
    outDir: 'dist',
    assetsDir: 'assets',
    assetsInlineLimit: 0, // the policy of the pages knows no data: scripts, and images are better cached
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: {
      input: { index: here('index.html'), wallet: here('wallet.html'), check: here('check.html'), office: here('office.html'), scanned: here('scanned.html') },
      output: { entryFileNames: 'assets/[name].[hash].js', chunkFileNames: 'assets/[name].[hash].js', assetFileNames: 'assets/[name].[hash][extname]' },
    },
  },
})
