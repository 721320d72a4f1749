/** Is this file the one that was started? Then the example runs; imported by a test, it does not. */
import { pathToFileURL } from 'node:url'

export const isMain = (url: string): boolean => url === pathToFileURL(process.argv[1] ?? '').href
