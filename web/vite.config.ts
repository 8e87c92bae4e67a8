import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Plugin, defineConfig, transformWithEsbuild } from 'vite'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

// The pages that a device may take along, and the service worker that knows what each of them may ever load: all chunks that can be
// reached from it, with their styles and files.
const takenAlong = ['wallet', 'check']

function serviceWorker(): Plugin {
  return {
    name: 'service-worker',
    apply: 'build',
    enforce: 'post', // when chunks that only held styles are gone
    async generateBundle(_, bundle) {
      const lists: Record<string, string[]> = {}
      for (const page of takenAlong) {
        const files = new Set<string>()
        const visit = (file: string): void => {
          const chunk = bundle[file]
          if (!chunk || files.has(file)) return
          files.add(file)
          // Workers and what they load are named in the text only.
          const text = chunk.type === 'chunk' ? chunk.code : /\.js$/.test(file) ? Buffer.from(chunk.source).toString() : ''
          for (const [name] of text.matchAll(/assets\/[\w.-]+/g)) visit(name)
          if (chunk.type !== 'chunk') return
          for (const one of [...chunk.imports, ...chunk.dynamicImports, ...(chunk.viteMetadata?.importedCss ?? []), ...(chunk.viteMetadata?.importedAssets ?? [])]) visit(one)
        }
        for (const [file, chunk] of Object.entries(bundle)) if (chunk.type === 'chunk' && chunk.isEntry && chunk.name === page) visit(file)
        lists[`/${page}`] = [...files].map((f) => `/${f}`).sort()
      }
      const source = readFileSync(here('src/worker/sw.ts'), 'utf8').replace(/\nexport \{\}\n$/, '')
      const said = JSON.stringify(lists)
      const version = createHash('sha256').update(said).update(source).digest('base64url').slice(0, 12)
      const { code } = await transformWithEsbuild(source, 'sw.ts', { target: ['es2019', 'chrome64', 'safari12'], minify: true, sourcemap: false, define: { LISTS: said, VERSION: JSON.stringify(version) } })
      this.emitFile({ type: 'asset', fileName: 'sw.js', source: code })
    },
  }
}

// The output is committed and embedded into the binary, so a build must give the same bytes on every machine: names hold the
// hash of what is in them, and nothing of the time or the folder.
export default defineConfig({
  base: '/',
  plugins: [serviceWorker()],
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
