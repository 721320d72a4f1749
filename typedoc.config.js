import { readFileSync } from 'node:fs'

const pkg = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  name: 'paleokernel',
  entryPoints: Object.values(pkg.tsup.entry),
  tsconfig: 'tsconfig.json',
  out: 'docs/api',
  readme: 'README.md',
  excludeInternal: true,
  excludePrivate: true,
  disableSources: true,
  hideGenerator: true,
  includeVersion: true,
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
  // What modules keep for themselves: of use to nobody else, and reached through what is documented.
  intentionallyNotExported: [
    'BlkTraceState',
    'BlockState',
    'BufflinkState',
    'DeviceOps',
    'DeviceStats',
    'CaptureState',
    'DeviceTable',
    'FasyncEntry',
    'FirewallState',
    'InIfaddr',
    'InetState',
    'NetRegistry',
    'NetlinkState',
    'ReqlogState',
    'PacketSock',
    'SockfsState',
    'SkbPool',
    'SocketOps',
    'Tap',
    'UnixState',
    'socketCalls',
  ],
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  requiredToBeDocumented: [
    'Function',
    'Class',
    'Interface',
    'TypeAlias',
    'Variable',
    'Property',
    'Method',
    'Accessor',
  ],
}
