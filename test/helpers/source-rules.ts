/**
 * The checks behind test/architecture.test.ts: functions from source text to complaints.
 *
 * They work on the syntax tree, so comments and strings never count. Every function returns sentences of the
 * form `file:line: what is wrong`, and an empty list when all is well.
 */
import { posix } from 'node:path'
import ts from 'typescript'

/** Path below the repository ('src/vfs/namei.ts') to source text. */
export type Sources = ReadonlyMap<string, string>

/** One import, re-export or dynamic import. */
export interface ImportLine {
  readonly from: string
  readonly line: number
  readonly specifier: string
  /** True for `import type` and `export type … from`: gone at run time. */
  readonly typeOnly: boolean
}

/** The layers of the core, left to right: a run-time import points left, never right. */
export const LAYERS: readonly (readonly string[])[] = [
  ['abi'],
  ['lib'],
  ['sim'],
  ['kernel', 'security', 'vfs'],
  ['fs', 'block', 'net'],
  ['syscalls'],
  ['programs'],
  ['create.ts'],
  ['world'],
  ['scenario'],
  ['vitest'],
  ['index.ts'],
]

/** The one layer whose folders import each other, as long as no circle forms. */
const CORE_LAYER = 3
/** What a module folder may import besides itself. */
const MODULE_MAY_IMPORT = ['abi', 'lib', 'sim', 'kernel', 'security', 'vfs', 'fs', 'block', 'net']
/** The command-line tools reach the kernel only through system calls. */
const USERLAND_MAY_IMPORT = ['abi', 'lib', 'programs']
/** The module contract may name the types of what modules contribute to. */
const CONTRACT = 'src/kernel/module.ts'
const CONTRACT_MAY_NAME = ['fs', 'block', 'net']
/** What users of the network import also gives out the world, which makes kernels and so lies right of them. */
const NET_ENTRY = 'src/net/index.ts'

const MAX_LINES = 700
/** What a host keeps about kernels that it watches is no part of them: one file may know objects weakly. */
const MAY_KNOW_WEAKLY = 'src/scenario/tail.ts'
const FORBIDDEN_GLOBALS = new Set(['Date', 'WeakMap', 'WeakRef', 'WeakSet', 'FinalizationRegistry'])

const parsed = new Map<string, { text: string; tree: ts.SourceFile }>()

function parse(path: string, text: string): ts.SourceFile {
  const known = parsed.get(path)
  if (known !== undefined && known.text === text) return known.tree
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true)
  parsed.set(path, { text, tree })
  return tree
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  ts.forEachChild(node, (child) => walk(child, visit))
}

function lineOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1
}

/** All imports of one file, in order. */
export function importsOf(path: string, text: string): ImportLine[] {
  const tree = parse(path, text)
  const found: ImportLine[] = []
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return
    found.push({ from: path, line: lineOf(tree, node), specifier: specifier.text, typeOnly })
  }
  walk(tree, (node) => {
    if (ts.isImportDeclaration(node))
      add(node, node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword)
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node, node.argument.literal, true)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node, node.arguments[0], false)
  })
  return found
}

/** Where a relative specifier leads ('src/abi/errno.ts'), or undefined for a package. */
function target(line: ImportLine): string | undefined {
  if (!line.specifier.startsWith('.')) return undefined
  return posix.join(posix.dirname(line.from), line.specifier).replace(/\.js$/, '.ts')
}

/** 'vfs' for src/vfs/namei.ts, 'create.ts' for src/create.ts. */
function unit(path: string): string {
  return path.split('/')[1] ?? ''
}

function layerOf(name: string): number {
  return LAYERS.findIndex((layer) => layer.includes(name))
}

function isModuleFolder(name: string): boolean {
  return layerOf(name) < 0 && name !== 'userland' && !name.endsWith('.ts')
}

/** The names that appear in `requires: [...]` anywhere in the folder of a module. */
function requiredBy(module: string, sources: Sources): Set<string> {
  const names = new Set<string>()
  for (const [path, text] of sources) {
    if (unit(path) !== module) continue
    walk(parse(path, text), (node) => {
      if (!ts.isPropertyAssignment(node) || node.name.getText() !== 'requires') return
      walk(node.initializer, (part) => {
        if (ts.isStringLiteralLike(part)) names.add(part.text)
      })
    })
  }
  return names
}

/** Why `line` may not lead to `to`, or undefined when it may. */
function refusal(line: ImportLine, to: string, sources: Sources): string | undefined {
  const here = unit(line.from)
  const there = unit(to)
  if (here === there) return undefined
  if (isModuleFolder(here)) {
    if (MODULE_MAY_IMPORT.includes(there)) return undefined
    if (!isModuleFolder(there)) return `module '${here}' must not import ${there}`
    if (to !== `src/${there}/index.ts`) return `module '${here}' reaches into module '${there}'`
    if (requiredBy(here, sources).has(there)) return undefined
    return `module '${here}' imports module '${there}', which its \`requires\` does not name`
  }
  if (here === 'userland')
    return USERLAND_MAY_IMPORT.includes(there) ? undefined : `userland must not import ${there}`
  if (layerOf(here) < 0) return `${here} is not a place for a source file`
  if (layerOf(there) < 0) return `the core must not import the module folder '${there}'`
  if (layerOf(there) < layerOf(here)) return undefined
  if (layerOf(here) === layerOf(there) && layerOf(here) === CORE_LAYER) return undefined
  if (line.from === CONTRACT && line.typeOnly && CONTRACT_MAY_NAME.includes(there)) return undefined
  if (line.from === NET_ENTRY && there === 'world') return undefined
  const side = layerOf(here) === layerOf(there) ? 'beside' : 'right of'
  return `${here} must not import ${there}, which is ${side} it`
}

/** The dependency table: who may import whom, and what a specifier looks like. */
export function checkImports(sources: Sources, packages: readonly string[]): string[] {
  const complaints: string[] = []
  for (const [path, text] of sources) {
    for (const line of importsOf(path, text)) {
      const at = `${path}:${line.line}`
      const to = target(line)
      if (to === undefined) {
        if (!packages.includes(line.specifier))
          complaints.push(`${at}: '${line.specifier}' is not a dependency of the package`)
        continue
      }
      if (!line.specifier.endsWith('.js')) complaints.push(`${at}: '${line.specifier}' lacks its .js`)
      else if (!sources.has(to)) complaints.push(`${at}: '${line.specifier}' leads to no source file`)
      const reason = refusal(line, to, sources)
      if (reason !== undefined) complaints.push(`${at}: ${reason} ('${line.specifier}')`)
    }
  }
  return complaints
}

/** Circles of run-time imports: whichever file loads first would see half of the other. */
export function checkAcyclic(sources: Sources): string[] {
  const edges = new Map<string, string[]>()
  for (const [path, text] of sources) {
    const out: string[] = []
    for (const line of importsOf(path, text)) {
      const to = target(line)
      if (!line.typeOnly && to !== undefined && sources.has(to)) out.push(to)
    }
    edges.set(path, out)
  }
  const complaints: string[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      complaints.push(`${path}:1: import circle ${[...trail.slice(start), path].join(' -> ')}`)
      return
    }
    if (done.has(path)) return
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of sources.keys()) visit(path, [])
  return complaints
}

/** No source file has more than 700 lines, but for the index, which is a list of names. */
export function checkSizes(sources: Sources): string[] {
  const complaints: string[] = []
  for (const [path, text] of sources) {
    const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
    if (lines > MAX_LINES && path !== 'src/index.ts')
      complaints.push(`${path}:${lines}: ${lines} lines, at most ${MAX_LINES}`)
  }
  return complaints
}

/** Constructs that would make a run unrepeatable, a state uncloneable or an interface vague. */
export function checkConstructs(sources: Sources): string[] {
  const complaints: string[] = []
  for (const [path, text] of sources) {
    const tree = parse(path, text)
    walk(tree, (node) => {
      const what = forbidden(node, path)
      if (what !== undefined) complaints.push(`${path}:${lineOf(tree, node)}: ${what}`)
    })
  }
  return complaints
}

function forbidden(node: ts.Node, path: string): string | undefined {
  if (node.kind === ts.SyntaxKind.AnyKeyword) return 'any'
  if (ts.isPrivateIdentifier(node)) return `${node.text}: #private members cannot be cloned`
  if (ts.isIdentifier(node) && FORBIDDEN_GLOBALS.has(node.text) && !isMemberName(node)) {
    if (node.text !== 'WeakMap' || path !== MAY_KNOW_WEAKLY) return node.text
  }
  if (ts.isPropertyAccessExpression(node) && /\bMath\??\.random$/.test(node.getText())) return 'Math.random'
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
    if (node.exportClause === undefined || ts.isNamespaceExport(node.exportClause)) return 'export *'
  }
  if (ts.isExportAssignment(node)) return 'export default'
  if (node.kind === ts.SyntaxKind.DefaultKeyword && ts.canHaveModifiers(node.parent)) return 'export default'
  if (ts.isExportSpecifier(node) && node.name.text === 'default') return 'export default'
  if (node.kind === ts.SyntaxKind.AsyncKeyword && path !== 'src/programs/async.ts') return 'async'
  if (ts.isVariableStatement(node) && ts.isSourceFile(node.parent)) {
    if ((node.declarationList.flags & ts.NodeFlags.Const) === 0) return 'a variable at module level'
  }
  return undefined
}

/** Where EACCES and EPERM may stand freely: the numbers' own file, the one that notes refusals, and lists of names. */
const MAY_REFUSE = /^src\/(abi\/|security\/deny\.ts$|index\.ts$)/
const REFUSALS = new Set(['EACCES', 'EPERM'])

/**
 * EACCES and EPERM are said by `deny` alone, which notes why. Elsewhere they are arguments (of `deny` or of what calls
 * it), defaults of such arguments, compared with, or named in types.
 */
export function checkRefusals(sources: Sources): string[] {
  const complaints: string[] = []
  for (const [path, text] of sources) {
    if (MAY_REFUSE.test(path)) continue
    const tree = parse(path, text)
    walk(tree, (node) => {
      if (!ts.isIdentifier(node) || !REFUSALS.has(node.text) || isMemberName(node)) return
      if (!isMention(node)) complaints.push(`${path}:${lineOf(tree, node)}: ${node.text} without deny()`)
    })
  }
  return complaints
}

const COMPARISONS: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
])

/** Is the name only imported, compared with, handed to a function, or used as a type? */
function isMention(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent)) return true
  if (ts.isTypeQueryNode(parent) || ts.isCaseClause(parent) || ts.isParameter(parent)) return true
  if (ts.isBinaryExpression(parent)) return COMPARISONS.has(parent.operatorToken.kind)
  return ts.isCallExpression(parent) && parent.arguments.includes(node)
}

/** The `Date` of `stat.Date` or `{ Date: 1 }`: a member that happens to have the name. */
function isMemberName(node: ts.Identifier): boolean {
  const parent = node.parent
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node
  if (ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent)) return parent.name === node
  return false
}
