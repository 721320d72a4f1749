import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const src = fileURLToPath(new URL('./src', import.meta.url))

// Tests import the library under its public name and get the sources, not a build.
export default defineConfig({
  resolve: {
    alias: [
      { find: /^paleokernel$/, replacement: `${src}/index.ts` },
      { find: /^paleokernel\/(.+)$/, replacement: `${src}/$1/index.ts` },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    // The programs of README.md are written there and import the library by its name.
    server: { deps: { inline: [/node_modules\/\.cache\/readme\//] } },
  },
})
