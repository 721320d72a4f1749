/**
 * tsx test/conformance/pack.ts OUT.jsonl.gz DIR
 *
 * Packs a folder of recordings into one file: a `{"file", "ops"}` object per script, comments dropped, gzip -9.
 * The same input gives the same bytes.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { gzipSync } from 'node:zlib'
import { recordingFiles } from './script.js'

/** The packed text of plain recordings. */
export function pack(files: readonly string[]): string {
  return files
    .map((file) => {
      const ops = readFileSync(file, 'utf8')
        .split('\n')
        .filter((row) => row !== '' && !row.startsWith('{"c":'))
      return `{"file":${JSON.stringify(basename(file, '.jsonl'))},"ops":[${ops.join(',')}]}\n`
    })
    .join('')
}

const [out, folder] = process.argv.slice(2)
if (out === undefined || folder === undefined) {
  process.stderr.write('usage: tsx test/conformance/pack.ts OUT.jsonl.gz DIR\n')
  process.exitCode = 2
} else {
  writeFileSync(out, gzipSync(pack(recordingFiles(folder)), { level: 9 }))
}
