/** The compartment map: as data, and as pictures. */
import fc from 'fast-check'
import { createKernel, MS_REMOUNT } from 'paleokernel'
import { type MacOptions, mac, macKeyword, maclabelOption, macMermaid, macSvg } from 'paleokernel/mac'
import { AF_INET, net, SOCK_DGRAM, SOCK_STREAM } from 'paleokernel/net'
import { ipchainsTool, ipTool } from 'paleokernel/userland'
import { describe, expect, it } from 'vitest'
import { ok } from '../helpers/world.js'

const LONG = ['httpd', 'a<b>&"c"', 'averylongname15', '日本語テスト', 'x', 'y']

/** A machine with this many compartments, each with a server on port 80 of an address of its own. */
function scene(count: number, options: MacOptions = {}, names: readonly string[] = ['httpd', 'cron']) {
  const k = createKernel({ profile: '2.2.12', modules: [net(), mac(options)] })
  k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
  const admin = k.spawn({ comm: 'admin' })
  for (const dir of ['/sbin', '/common']) admin.libc.mkdir(dir, 0o755)
  k.install('/sbin/ip', ipTool([macKeyword]))
  k.install('/sbin/ipchains', ipchainsTool([maclabelOption]))
  const sh = (line: string): void => {
    const [name = '', ...args] = line.split(' ')
    const child = k.spawn()
    ok(child.sys.execve(`/sbin/${name}`, [name, ...args], []))
    k.run()
    if (child.exitCode !== 0) throw new Error(`${line}: ${child.exitCode}`)
  }
  for (const path of ['/', '/dev']) admin.libc.mount('none', path, '', MS_REMOUNT, 'mac=65535:0+shared')
  admin.libc.mount('none', '/common', 'ramfs', 0, 'mac=10:0+shared')
  for (let n = 1; n <= count; n++) {
    const address = `10.0.0.${n}`
    k.net.configure('eth0', { address: `${address}/24` })
    k.mac.reserve(address, n)
    sh(`ip route add default via 10.0.0.254 dev eth0 src ${address} table ${n}`)
    sh(`ip rule add mac 10:${n} table ${n}`)
    sh(`ipchains -A input -p tcp -d ${address} 80 --maclabel 10:${n}`)
    for (const [i, comm] of names.entries()) {
      const p = k.spawn({ comm })
      k.mac.setLabel(p.pid, `${i === 2 ? 20 : 10}:${n}`)
      if (i > 0) continue
      const fd = p.libc.socket(AF_INET, SOCK_STREAM)
      p.libc.bind(fd, { family: AF_INET, addr: 0, port: 80 })
      p.libc.listen(fd, 5)
    }
    admin.libc.mkdir(`/srv${n}`, 0o755)
    admin.libc.mount('none', `/srv${n}`, 'ramfs', 0, `mac=10:${n}`)
  }
  return { k, admin, sh }
}

describe('as data', () => {
  it('says who and what is in a compartment, its addresses, ports and routes', () => {
    const { k } = scene(2)
    expect(k.mac.describe().map(({ compartment }) => compartment)).toEqual([0, 1, 2])
    expect(k.mac.describe()[1]).toEqual({
      compartment: 1,
      tasks: [
        { pid: 6, comm: 'httpd', label: '10:1' },
        { pid: 7, comm: 'cron', label: '10:1' },
      ],
      mounts: [{ path: '/srv1', type: 'ramfs', label: '10:1' }],
      addresses: ['10.0.0.1'],
      ports: [{ protocol: 'tcp', address: '0.0.0.0', port: 80, label: '10:1' }],
      routes: [
        {
          label: '10:1',
          preference: 32765,
          table: 1,
          routes: ['default via 10.0.0.254 dev eth0 src 10.0.0.1'],
        },
      ],
    })
  })

  it('says who may reach whom, and by which rule', () => {
    const { k } = scene(2)
    const of = (compartment: number) =>
      k.mac
        .flows()
        .filter(({ from, to }) => from === compartment || to === compartment)
        .map(({ from, to, may, what, rule }) => `${from} ${may} ${to} ${what} ${rule}`)
    expect(of(1)).toEqual([
      '0 administer 1  MAC-9',
      '1 read /  MAC-30',
      '1 read /dev  MAC-30',
      '1 read /common  MAC-30',
      '1 write /common  MAC-30',
      'outside send 1 tcp to 10.0.0.1 80 MAC-41',
      '1 send outside from 10.0.0.1 MAC-48',
    ])
    expect(k.mac.flows().some(({ from, to }) => from === 1 && to === 2)).toBe(false)
  })

  it('follows grades, output rules, and what an option lets be seen', () => {
    const { k, sh } = scene(2, { initVisible: true }, LONG)
    sh('ipchains -A output -d 10.9.0.0/16 --maclabel 15:2')
    sh('ipchains -A input -p udp ! -s 192.168.1.0/24 1024:65535 -i eth0 --maclabel 10:2')
    sh('ipchains -A input -p icmp -j DENY --maclabel 10:1')
    sh('ipchains -N more')
    sh('ipchains -A more -d 10.0.0.99 --maclabel 10:1')
    sh('ipchains -A input -j more')
    const flows = k.mac.flows()
    const find = (may: string, from: unknown, to: unknown) =>
      flows.filter((flow) => flow.may === may && flow.from === from && flow.to === to).map(({ what }) => what)
    // Of grades 10 and 20: files of grade 10 are read by the lower, and written by both.
    expect(find('read', 1, '/common')).toEqual(['10:1'])
    expect(find('write', 1, '/common')).toEqual([''])
    expect(find('see', 1, 0)).toEqual(['pid 1'])
    expect(find('send', 1, 'outside')).toEqual(['from 10.0.0.1; not to 10.9.0.0/16 (needs 15:2)'])
    expect(find('send', 2, 'outside')).toEqual(['from 10.0.0.2'])
    expect(find('send', 'outside', 2)).toEqual([
      'tcp to 10.0.0.2 80',
      'udp from !192.168.1.0/24 1024:65535 via eth0',
    ])
    expect(find('send', 'outside', 1)).toEqual(['tcp to 10.0.0.1 80', 'to 10.0.0.99'])
  })

  it('shows a socket of the system’s that gets what has no label', () => {
    const { k, admin } = scene(1)
    const fd = admin.libc.socket(AF_INET, SOCK_DGRAM)
    admin.libc.bind(fd, { family: AF_INET, addr: 0x7f000001, port: 53 })
    expect(k.mac.describe()[0]?.ports).toEqual([
      { protocol: 'udp', address: '127.0.0.1', port: 53, label: '65535:0+admin' },
    ])
    expect(k.mac.flows()).toContainEqual({
      from: 'outside',
      to: 0,
      may: 'send',
      what: 'without a label',
      rule: 'MAC-44',
    })
  })

  it('a kernel without network, or without compartments, has a map, too', () => {
    const k = createKernel({ modules: [mac()] })
    expect(k.mac.describe()).toHaveLength(1)
    expect(k.mac.flows()).toEqual([])
    expect(macSvg(k.mac)).toContain('compartment 0, the system')
    expect(macMermaid(k.mac)).toContain('subgraph c0["compartment 0, the system"]')
  })

  it('tells the same of the same kernel, and changes nothing', () => {
    const { k } = scene(3, {}, LONG)
    const before = k.digest()
    const pictures = [macSvg(k.mac), macMermaid(k.mac)]
    expect(k.digest()).toBe(before)
    const copy = k.fork()
    expect([macSvg(copy.mac), macMermaid(copy.mac)]).toEqual(pictures)
    expect([macSvg(scene(3, {}, LONG).k.mac)]).toEqual([pictures[0]])
  })
})

// ---- the picture ---------------------------------------------------------------------------------------------

interface Box {
  readonly text: string
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

const unescaped = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&')

/** How wide letters of the fonts named are: 0.602 of their size, twice that for East Asian ones. */
const widthOf = (text: string, size: number): number =>
  Array.from(text).reduce((sum, char) => sum + ((char.codePointAt(0) ?? 0) >= 0x1100 ? 2 : 1), 0) *
  size *
  0.602

/** Where the texts of a picture are; those along the bars are left out. */
function boxesOf(svg: string): Box[] {
  return [...svg.matchAll(/<text ([^>]*)>(?:<title>[^<]*<\/title>)?([^<]*)<\/text>/g)].flatMap(
    ([, attributes = '', body = '']) => {
      if (attributes.includes('rotate')) return []
      const of = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(attributes)?.[1] ?? ''
      const size = Number(of('font-size') || 12)
      const text = unescaped(body)
      const width = widthOf(text, size)
      const anchor = of('text-anchor')
      const x = Number(of('x')) - (anchor === 'end' ? width : anchor === 'middle' ? width / 2 : 0)
      return [{ text, x, y: Number(of('y')) - size * 0.8, width, height: size }]
    },
  )
}

const overlap = (a: Box, b: Box): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height

/** Well-formed: tags that close, no bare angle or ampersand. */
function checkXml(svg: string): void {
  const open: string[] = []
  for (const [, slash, name = '', rest = ''] of svg.matchAll(/<(\/?)([a-z]+)((?:"[^"]*"|[^">])*)>/gi)) {
    if (slash === '/') expect(open.pop()).toBe(name)
    else if (!rest.endsWith('/')) open.push(name)
  }
  expect(open).toEqual([])
  const words = svg.replace(/<\/?[a-z]+(?:"[^"]*"|[^">])*>/gi, '')
  expect(words).not.toMatch(/[<>]|&(?!(amp|lt|gt|quot);)/)
}

describe('as a picture', () => {
  it.each([
    ['two compartments', 2, {}, ['httpd', 'cron']],
    ['twelve with long names', 12, { initVisible: true }, LONG],
  ] as const)('%s: no text on another, none outside, all well-formed', (_name, count, options, names) => {
    const { k, sh } = scene(count, options, names)
    sh('ipchains -A output -d 10.9.0.0/16 --maclabel 10:2')
    const svg = macSvg(k.mac)
    checkXml(svg)
    const boxes = boxesOf(svg)
    expect(boxes.length).toBeGreaterThan(20)
    const [, width = 0, height = 0] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)?.map(Number) ?? []
    for (const [i, a] of boxes.entries()) {
      expect(a.x >= 0 && a.x + a.width <= width && a.y >= 0 && a.y + a.height <= height, a.text).toBe(true)
      for (const b of boxes.slice(i + 1)) if (overlap(a, b)) throw new Error(`'${a.text}' is on '${b.text}'`)
    }
  })

  it('cuts what is too long, and keeps it whole for the pointer', () => {
    const k = createKernel({ modules: [mac()] })
    const admin = k.spawn()
    const name = `/a${'-long'.repeat(20)}`
    admin.libc.mkdir(name, 0o755)
    admin.libc.mount('none', name, 'ramfs', 0, 'mac=65535:65535')
    const svg = macSvg(k.mac)
    expect(svg).toContain(`<title>${name} ramfs</title>/a-lon`)
    expect(svg).toContain('…</text>')
    expect(svg.match(/no processes/g)).toHaveLength(1)
  })

  it('shortens lists to the rows that it is given', () => {
    const k = createKernel({ modules: [mac()] })
    for (let n = 0; n < 20; n++) k.spawn({ comm: 'same' })
    const count = (rows: number): number => macSvg(k.mac, { rows }).match(/ same</g)?.length ?? 0
    expect([count(1), count(6), count(30)]).toEqual([0, 4, 20])
    expect(macSvg(k.mac, { rows: 6 })).toContain('and 16 more')
    expect(() => macSvg(k.mac, { rows: 0 })).toThrow('macSvg: rows must be a whole number from 1, not 0')
    expect(() => macSvg(k.mac, { title: 7 as never })).toThrow(TypeError)
    expect(macSvg(k.mac, { title: '<&"' })).toContain('>&lt;&amp;&quot;<')
  })

  it('holds any name, in SVG and in Mermaid', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 15 }),
        fc.string({ maxLength: 15 }),
        (comm, other) => {
          const k = createKernel({ modules: [mac()] })
          for (const name of [comm, other]) k.mac.setLabel(k.spawn({ comm: name }).pid, '1:1')
          const svg = macSvg(k.mac)
          checkXml(svg)
          // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is sought
          expect(svg).not.toMatch(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/)
          const nodes = macMermaid(k.mac)
            .split('\n')
            .filter((line) => line.startsWith('    '))
          for (const line of nodes) expect(line).toMatch(/^ {4}c\d+\w+\["(?:[^"<>`\\{}|&]|<br\/>)*"\]$/u)
        },
      ),
      { numRuns: 60 },
    )
  })
})
