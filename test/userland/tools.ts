/** A machine with two cards, on which the tools of the network run as programs of a task. */
import { createKernel, defineModule, O_CREAT, O_RDONLY, O_WRONLY, utf8Encode } from 'paleokernel'
import { type IpfwExtension, type NetOptions, net, type RuleSelector } from 'paleokernel/net'
import {
  type IpchainsOption,
  ifconfig,
  ip,
  ipchainsRestoreTool,
  ipchainsSaveTool,
  ipchainsTool,
  ipTool,
  type RuleKeyword,
  route,
} from 'paleokernel/userland'

/** What a tool has said. */
export interface Said {
  readonly out: string
  readonly err: string
  readonly status: number
}

export interface Setup extends NetOptions {
  readonly profile?: '2.0.35' | '2.2.12' | '2.6.14'
  readonly selectors?: readonly RuleSelector[]
  readonly keywords?: readonly RuleKeyword[]
  /** Fields of rules of the firewall: the kernel's half, and the tool's. */
  readonly fields?: readonly IpfwExtension[]
  readonly columns?: readonly IpchainsOption[]
}

export function machine({
  profile = '2.2.12',
  selectors = [],
  keywords = [],
  fields = [],
  columns = [],
  ...options
}: Setup = {}) {
  const labels = defineModule({
    name: 'labels',
    requires: ['net'],
    init: () => ({}),
    attach: () => ({ api: {}, net: { ruleSelectors: selectors, firewall: fields } }),
  })
  const k = createKernel({ modules: [net(options), labels], profile })
  k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
  k.net.addEthernet('eth1', Uint8Array.of(2, 0, 0, 0, 0, 2))
  const host = k.spawn()
  for (const dir of ['/sbin', '/etc', '/tmp']) host.sys.mkdir(dir, 0o777)
  host.sys.chmod('/tmp', 0o777)
  k.install('/sbin/ip', keywords.length > 0 ? ipTool(keywords) : ip)
  k.install('/sbin/ifconfig', ifconfig)
  k.install('/sbin/route', route)
  k.install('/sbin/ipchains', ipchainsTool(columns))
  k.install('/sbin/ipchains-save', ipchainsSaveTool(columns))
  k.install('/sbin/ipchains-restore', ipchainsRestoreTool(columns))
  let serial = 0

  /** Runs a command line as a user, with a file as its input, and returns what it printed. */
  function run(line: string, uid = 0, input = '/tmp'): Said {
    const [name = '', ...args] = line.split(' ').filter((word) => word !== '')
    const files = [1, 2].map((fd) => `/tmp/${fd}.${serial++}`)
    const child = k.spawn({ uid, gid: uid })
    // Standard input, output and error, in this order.
    const fds = [input, ...files].map((path, at) =>
      child.libc.open(path, at === 0 ? O_RDONLY : O_WRONLY | O_CREAT, 0o600),
    )
    if (fds.join() !== '0,1,2') throw new Error(`descriptors ${fds.join()}`)
    child.sys.execve(`/sbin/${name}`, [name, ...args], [])
    k.run()
    const status = child.exitCode ?? -1
    const read = (path: string): string => {
      const fd = host.libc.open(path, O_RDONLY)
      const buf = new Uint8Array(65536)
      let text = ''
      for (let n = host.libc.read(fd, buf); n > 0; n = host.libc.read(fd, buf))
        text += String.fromCharCode(...buf.subarray(0, n))
      host.libc.close(fd)
      return text
    }
    const [out = '', err = ''] = files.map(read)
    return { out, err, status }
  }

  /** The command must succeed in silence; what it printed otherwise. */
  function sh(line: string): string {
    const said = run(line)
    if (said.status !== 0) throw new Error(`${line}: ${said.status} ${said.err}`)
    return said.out
  }

  /** A file's text. */
  function cat(path: string): string {
    const fd = host.libc.open(path, O_RDONLY)
    const buf = new Uint8Array(65536)
    const n = host.libc.read(fd, buf)
    host.libc.close(fd)
    return String.fromCharCode(...buf.subarray(0, n))
  }

  function write(path: string, text: string): number {
    const fd = host.sys.open(path, O_WRONLY | O_CREAT, 0o644)
    const n = host.sys.write(fd, utf8Encode(text))
    host.sys.close(fd)
    return n
  }

  return { k, host, run, sh, cat, write }
}
