import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { main } from '../src/cli/program.ts'
import { loadConfig } from '../src/config/load.ts'
import { errorRegistry } from '../src/core/errors.ts'
import { nextDeliveryDelayMs } from '../src/core/webhook-schedule.ts'
import { jobHeadersSchema } from '../src/http/request-headers.ts'
import { jobObject } from '../src/http/schemas.ts'

/** The repository keeps its own rules: what is written down twice must agree. */
const root = resolve(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const sources = globSync('{src,workers}/**/*.ts', { cwd: root })

describe('the error codes', () => {
  it('are those of docs/errors.md, with their statuses', () => {
    const documented = [...read('docs/errors.md').matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)]
    const expected = Object.entries(errorRegistry).map(([code, { status }]) => [code, String(status)])
    expect(documented.map((match) => [match[1], match[2]])).toEqual(expected)
  })

  it('never make a client wait longer than the 60 s that SDKs honour', () => {
    for (const [code, row] of Object.entries(errorRegistry)) {
      expect('retryAfterSeconds' in row ? row.retryAfterSeconds : 0, code).toBeLessThanOrEqual(60)
    }
  })

  it('are all used', () => {
    const text = sources
      .filter((file) => file !== 'src/core/errors.ts')
      .map(read)
      .join('\n')
    expect(Object.keys(errorRegistry).filter((code) => !text.includes(`'${code}'`))).toEqual([])
  })
})

describe('the source', () => {
  it('has no file past 400 lines', () => {
    expect(sources.filter((file) => read(file).split('\n').length > 400)).toEqual([])
  })

  it('has no default exports and no barrels', () => {
    const barrels = sources.filter((file) => file.endsWith('/index.ts') || /^export default/m.test(read(file)))
    expect(barrels).toEqual([])
  })
})

const pages = globSync('{*.md,{docs,bench,examples}/**/*.md}', { cwd: root, exclude: ['**/node_modules/**'] }).sort()
/** Pages that tell users what to type and to set. */
const manuals = pages.filter((page) => /^(README\.md|docs\/[^/]+\.md)$/.test(page))

/** What a page shows as code, line by line: fenced blocks and spans. */
function codeOf(page: string): string[] {
  const text = read(page)
  const fence = /^```(\w*)\n([\s\S]*?)^```$/gm
  const blocks = [...text.matchAll(fence)].filter((match) => match[1] === '' || match[1] === 'sh')
  const lines = blocks.flatMap((match) => (match[2] ?? '').split('\n'))
  const spans = [...text.replace(fence, '').matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '')
  return [...lines, ...spans].map((line) => line.replace(/\s+#.*$/, ''))
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  return [...read(page).matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

describe('the documentation', () => {
  it('is found', () => {
    expect(manuals).toContain('README.md')
    expect(pages.length).toBeGreaterThan(10)
  })

  it.each(pages)('has no relative link in %s that leads nowhere', (page) => {
    const links = [...read(page).matchAll(/\]\((?!\w+:)([^)\s#]*)(?:#([^)\s]+))?\)/g)].map((match) => {
      const file = match[1] ? join(dirname(page), match[1]) : page
      return { link: match[0], file, anchor: match[2] }
    })
    const leadsNowhere = links.filter(({ file, anchor }) => {
      if (!existsSync(join(root, file))) return true
      return anchor !== undefined && !anchorsOf(file).includes(anchor)
    })
    expect(leadsNowhere.map(({ link }) => link)).toEqual([])
  })

  it('names only npm scripts that there are', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const named = pages.flatMap((page) => [...read(page).matchAll(/npm run ([a-z][\w:-]*)/g)].map((match) => match[1]))
    expect(named.length).toBeGreaterThan(0)
    expect(named.filter((name) => name === undefined || !(name in scripts))).toEqual([])
  })

  it('names the environment variables that the code reads, and docs/operations.md has them all', () => {
    const pattern = /\b(?:(?:SLUICE|SANDBOX)_[A-Z_]+|REDIS_URL|LOG_LEVEL)\b/g
    const namesIn = (files: readonly string[]) => new Set(files.flatMap((file) => read(file).match(pattern) ?? []))
    const inCode = namesIn([...sources, ...globSync('test/support/*.ts', { cwd: root })])
    const rows = [...read('docs/operations.md').matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1])
    expect([...namesIn(manuals)].filter((name) => !inCode.has(name))).toEqual([])
    expect([...inCode].filter((name) => !rows.includes(name))).toEqual([])
  })
})

describe('the commands of the documentation', () => {
  /** What `sluice … --help` prints. */
  async function helpOf(words: readonly string[]): Promise<string> {
    const { exitCode } = process
    let help = ''
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      help += text
      return true
    })
    try {
      await main([...words, '--help'])
    } finally {
      write.mockRestore()
      process.exitCode = exitCode
    }
    return help
  }

  const commandsIn = (help: string) => {
    const list = help.split(/^Commands:$/m)[1] ?? ''
    return [...list.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map((match) => match[1] ?? '')
  }

  /** Each use of the program: its words up to where the shell takes over. */
  const uses = manuals.flatMap((page) =>
    codeOf(page).flatMap((line) =>
      [...line.matchAll(/(?:^|[\s/|])sluice ([a-z][^|>&]*)/g)].map((match) => {
        const words = (match[1] ?? '').trim().split(/\s+/)
        return { page, line, words, flags: words.filter((word) => /^--[a-z]/.test(word)) }
      }),
    ),
  )

  it('are commands and options of the program', async () => {
    const commands = commandsIn(await helpOf([]))
    expect(commands).toContain('up')
    expect(new Set(uses.map(({ words }) => words[0])).size).toBeGreaterThan(8)
    const wrong: string[] = []
    for (const { page, line, words, flags } of uses) {
      const [command = '', second = ''] = words
      if (!commands.includes(command)) {
        wrong.push(`${page}: ${line}`)
        continue
      }
      const ownHelp = await helpOf([command])
      const inner = commandsIn(ownHelp)
      const isGroup = inner.length > 0 && words.length > 1
      if (isGroup && !inner.includes(second)) wrong.push(`${page}: ${line}`)
      const help = isGroup ? await helpOf([command, second]) : ownHelp
      if (flags.some((flag) => !new RegExp(`${flag}\\b`).test(help))) wrong.push(`${page}: ${line}`)
    }
    expect(wrong).toEqual([])
  })

  it('leave no command of the program out', async () => {
    const named = new Set(uses.map(({ words }) => words[0]))
    expect(commandsIn(await helpOf([])).filter((command) => command !== 'help' && !named.has(command))).toEqual([])
  })
})

describe('the README', () => {
  it('shows a sluice.yaml that can be used and gives no warning', async () => {
    const yaml = /```yaml\n([\s\S]*?)```/.exec(read('README.md'))?.[1] ?? ''
    const folder = mkdtempSync(join(tmpdir(), 'sluice-readme-'))
    try {
      const file = join(folder, 'sluice.yaml')
      writeFileSync(file, yaml)
      const names = [...yaml.matchAll(/\$\{([A-Z_]+)\}/g)].map((match) => match[1])
      const env = Object.fromEntries(names.map((name, index) => [name, `key-${index}`]))
      const { config, warnings } = await loadConfig({ file, env })
      expect(warnings).toEqual([])
      expect(Object.keys(config.models)).toEqual(['log-summarizer'])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('docs/api.md', () => {
  const text = read('docs/api.md')

  it('has every route and no other', () => {
    const routes = globSync('src/http/routes/*.ts', { cwd: root }).flatMap((file) =>
      [...read(file).matchAll(/\.(get|post|patch|put|delete)\(\s*'(\/[^']*)'/g)].map(
        ([, method = '', path = '']) => `${method.toUpperCase()} ${path.replace(/:(\w+)/g, '{$1}')}`,
      ),
    )
    const rows = text.match(/^\| `(?:GET|POST|PATCH|PUT|DELETE) .*$/gm) ?? []
    const documented = rows.flatMap((row) => [...row.matchAll(/`((?:[A-Z]+) \/\S*)`/g)].map((match) => match[1]))
    expect([...new Set(documented)].sort()).toEqual([...new Set(routes)].sort())
  })

  it('has every field of a job and no other', () => {
    const table = text.slice(text.indexOf('### The job object'), text.indexOf('### Statuses'))
    const documented = [...table.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap((match) => match[1]?.match(/\w+/g))
    expect(documented.sort()).toEqual(Object.keys(jobObject.shape).sort())
  })

  it('has every header that makes a job what it is', () => {
    const documented = [...text.matchAll(/^\| `([A-Za-z-]+)` \|/gm)].map((match) => match[1]?.toLowerCase())
    expect(Object.keys(jobHeadersSchema.shape).filter((name) => !documented.includes(name))).toEqual([])
  })

  it('has the waits between the attempts to deliver a webhook', () => {
    const waits: string[] = []
    for (let attempt = 1; ; attempt += 1) {
      const delayMs = nextDeliveryDelayMs(attempt, 0.5)
      if (delayMs === null) break
      const minutes = delayMs / 60_000
      waits.push(minutes < 1 ? `${delayMs / 1000} s` : minutes < 60 ? `${minutes} min` : `${minutes / 60} h`)
    }
    const documented = /the next attempts come\s+(.*?)\s+later/s.exec(text)?.[1]?.replace(/\s+/g, ' ')
    expect(documented).toBe(`${waits.slice(0, -1).join(', ')} and ${waits.at(-1)}`)
  })
})
