/**
 * The code blocks of README.md, made runnable.
 *
 * A comment `// -> value` at the end of a line is a claim about the statement it follows:
 *
 *     alice.sys.open('/etc/motd', O_RDONLY)            // -> EACCES        the expression equals this expression
 *     const fd = root.sys.open('/etc/motd', O_RDONLY)  // -> 0             so does the variable
 *     console.log(errnoName(fd))                       // -> EACCES        exactly this text is printed
 *
 * `instrument` turns every claim into a call of `__claim`, and refuses a claim that belongs to no statement.
 */
import ts from 'typescript'

export interface Block {
  /** 'ts', 'sh', …; '' for a fence without a language. */
  readonly language: string
  /** Line of the first line of code in the document, counted from 1. */
  readonly line: number
  readonly code: string
}

const CLAIM = /^\s*\/\/ -> (.*)$/

/** Every fenced block of a Markdown text, in order. */
export function codeBlocks(markdown: string): Block[] {
  const blocks: Block[] = []
  const lines = markdown.split('\n')
  let open: { language: string; line: number; code: string[] } | undefined
  for (const [index, text] of lines.entries()) {
    const fence = /^```(\w*)/.exec(text)
    if (fence === null) open?.code.push(text)
    else if (open === undefined) open = { language: fence[1] ?? '', line: index + 2, code: [] }
    else {
      blocks.push({ language: open.language, line: open.line, code: `${open.code.join('\n')}\n` })
      open = undefined
    }
  }
  if (open !== undefined) throw new Error(`the code block at line ${open.line} is never closed`)
  return blocks
}

/** The blocks that are programs. */
export function programs(markdown: string): Block[] {
  return codeBlocks(markdown).filter((block) => block.language === 'ts')
}

/** Lines that a program says it prints, in order. */
export function printedLines(block: Block): string[] {
  return block.code.split('\n').flatMap((text) => {
    const claim = /^console\.log\(.*\)\s*\/\/ -> (.*)$/.exec(text)
    return claim?.[1] === undefined ? [] : [claim[1].trim()]
  })
}

/**
 * The block with its claims turned into calls: `__claim(line, actual, expected)` compares two values,
 * `__printed(line, text)` asks for the line printed last. Line numbers stay.
 */
export function instrument(block: Block): { code: string; claims: number } {
  const tree = ts.createSourceFile('block.ts', block.code, ts.ScriptTarget.ES2022, true)
  const inserts: { at: number; text: string }[] = []
  let claims = 0
  const visit = (node: ts.Node): void => {
    const claim = claimAfter(node, block.code)
    if (claim !== undefined) {
      claims += 1
      const line = block.line + tree.getLineAndCharacterOfPosition(node.getEnd()).line
      inserts.push(...claimCalls(node, claim, line))
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  const written = block.code.split('\n').filter((text) => text.includes('// ->')).length
  if (claims !== written)
    throw new Error(`line ${block.line}: ${written - claims} claims belong to no statement`)
  let code = block.code
  for (const { at, text } of inserts.sort((a, b) => b.at - a.at))
    code = code.slice(0, at) + text + code.slice(at)
  return { code, claims }
}

function claimAfter(node: ts.Node, code: string): string | undefined {
  if (!ts.isExpressionStatement(node) && !ts.isVariableStatement(node)) return undefined
  const end = code.indexOf('\n', node.getEnd())
  return CLAIM.exec(code.slice(node.getEnd(), end < 0 ? code.length : end))?.[1]?.trim()
}

function claimCalls(node: ts.Node, claim: string, line: number): { at: number; text: string }[] {
  if (ts.isVariableStatement(node)) {
    const name = node.declarationList.declarations[0]?.name.getText() ?? ''
    return [{ at: node.getEnd(), text: `; __claim(${line}, ${name}, (${claim}))` }]
  }
  if (!ts.isExpressionStatement(node)) return []
  const { expression } = node
  if (expression.getText().startsWith('console.log('))
    return [{ at: expression.getEnd(), text: `; __printed(${line}, ${JSON.stringify(claim)})` }]
  return [
    { at: expression.getStart(), text: `__claim(${line}, ` },
    { at: expression.getEnd(), text: `, (${claim}))` },
  ]
}
