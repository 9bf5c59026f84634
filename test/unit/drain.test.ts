import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDrain } from '../../src/sandbox/drain.ts'
import { countHeaderTokens } from '../../src/sandbox/header-tokens.ts'
import { findLogLines } from '../../src/sandbox/log-text.ts'
import { maskVariables } from '../../src/sandbox/mask-variables.ts'
import { severities, severityOf, severityPatterns } from '../../src/sandbox/severity.ts'
import { summarizeLog } from '../../src/sandbox/summarize-log.ts'
import { createTimestampFinder } from '../../src/sandbox/timestamps.ts'

const words = (line: string) => line.split(' ')

/** Counts lines by severity with grep alone, by the recipe in severity.ts. */
function grepSeverities(lines: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  const patterns: string[] = []
  let counted = 0
  for (const [severity, pattern] of Object.entries(severityPatterns)) {
    patterns.push(pattern)
    const input = lines.map((line) => `${line}\n`).join('')
    const total = Number(spawnSync('grep', ['-ciwE', patterns.join('|')], { input, encoding: 'utf8' }).stdout)
    counts[severity] = total - counted
    counted = total
  }
  return { ...counts, none: lines.length - counted }
}

const sshd = (second: number, text: string) =>
  `Nov 21 09:18:${String(second).padStart(2, '0')} web1 sshd[2${second}]: ${text}`

const handMadeLog = [
  ...Array.from({ length: 20 }, (_, index) =>
    sshd(index, `Accepted publickey for user${index} from 10.0.0.${index} port 4${index}`),
  ),
  ...Array.from({ length: 12 }, (_, index) =>
    sshd(20 + index, `Failed password for root from 192.168.1.${index} port 5${index}`),
  ),
  ...Array.from({ length: 8 }, (_, index) => sshd(35 + index, `Connection closed by 192.168.1.${index} [preauth]`)),
  sshd(50, 'fatal: Write failed: Connection reset by peer'),
]

describe('drain', () => {
  it('puts lines that differ in one word into one template with a wildcard there', () => {
    const drain = createDrain()
    const first = drain.add(words('user alice logged in from home'), '')
    const second = drain.add(words('user bob logged in from home'), '')
    expect(second).toBe(first)
    expect(first).toEqual({ tokens: words('user <*> logged in from home'), count: 2 })
  })

  it('keeps lines apart whose length, first word, partition or most words differ', () => {
    const drain = createDrain()
    const lines = ['disk full on node a', 'disk full on node a now', 'tape full on node a', 'disk swap in rack b']
    const templates = lines.map((line) => drain.add(words(line), 'info'))
    templates.push(drain.add(words('disk full on node a'), 'error'))
    expect(new Set(templates).size).toBe(5)
  })

  it('does not take two messages for alike because of the header that all lines share', () => {
    const lines = ['web1 app main INFO cache warm', 'web1 app main INFO socket closed']
    const withHeader = createDrain({ headerTokens: 4 })
    expect(withHeader.add(words(lines[0] ?? ''), '')).not.toBe(withHeader.add(words(lines[1] ?? ''), ''))
  })

  it('lets hosts of any name share a template when they are the header', () => {
    const drain = createDrain({ headerTokens: 1 })
    drain.add(words('alpha disk full on sda'), '')
    expect(drain.add(words('beta disk full on sda'), '')).toEqual({ tokens: words('<*> disk full on sda'), count: 2 })
  })

  it('counts as header what is the same, has digits or is a level in nearly all lines', () => {
    const messages = ['cache warm now', 'socket closed again', 'disk is full', 'user left early']
    const lines = Array.from({ length: 40 }, (_, index) =>
      words(`web1 pid${index} ${index % 2 ? 'INFO' : '[warn]'} ${messages[index % messages.length]}`),
    )
    expect(countHeaderTokens(lines)).toBe(3)
    expect(countHeaderTokens(lines.slice(0, 5))).toBe(0)
  })

  it('has a bounded number of templates, however different the lines are', () => {
    const drain = createDrain({ maxTemplates: 10, maxTemplatesPerLeaf: 5 })
    const templates = new Set(
      Array.from({ length: 500 }, (_, index) => drain.add([`w${index}`, `x${index % 7}`, `y${index}`], '')),
    )
    expect(templates.size).toBeLessThanOrEqual(11)
    expect([...templates].reduce((sum, { count }) => sum + count, 0)).toBe(500)
  })
})

describe('masking', () => {
  it.each([
    ['from 10.251.73.220:50010 to /10.250.15.67', 'from <ip>:<num> to /<ip>'],
    ['block blk_-6952295868487656571 of 67108864', 'block blk_<num> of <num>'],
    ['request 3f2504e0-4f89-11d3-9a0c-0305e82c3301 at 0x7fed806eb5d', 'request <uuid> at <hex>'],
    ['took 5.25ms, rate 12.5% of 3 GB', 'took <num>ms, rate <num>% of <num> GB'],
    ['due 2026-03-02T10:14:07.112Z or 10:14:07', 'due <time> or <time>'],
    ['via fe80:0:0:0:1ff:fe23:4567:890a and 00:1b:44:11:3a:b7', 'via <ip> and <mac>'],
    ['mail <EMAIL_1> from <IP_12>', 'mail <*> from <*>'],
    ['jk2_init() dn228 ssh2 deadbeef cafe', 'jk2_init() dn228 ssh2 deadbeef cafe'],
  ])('turns «%s» into «%s»', (text, masked) => {
    expect(maskVariables(text)).toBe(masked)
  })
})

describe('timestamps', () => {
  it.each([
    ['2005-06-09 06:07:01 INFO up', '2005-06-09 06:07:01', '2005-06-09T06:07:01.000Z'],
    ['x 2026-11-21T09:18:01.250+02:00 up', '2026-11-21T09:18:01.250+02:00', '2026-11-21T07:18:01.250Z'],
    ['Nov  1 09:18:01 host up', 'Nov  1 09:18:01', '2000-11-01T09:18:01.000Z'],
    ['[Sun Dec 04 04:47:44 2005] [notice] up', 'Sun Dec 04 04:47:44 2005', '2005-12-04T04:47:44.000Z'],
    [
      '1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1',
      '17/May/2015:10:05:03 +0000',
      '2015-05-17T10:05:03.000Z',
    ],
    ['081109 203615 148 INFO up', '081109 203615', '2008-11-09T20:36:15.000Z'],
    ['22619:M 21 Nov 2026 10:48:01.066 * up', '21 Nov 2026 10:48:01.066', '2026-11-21T10:48:01.066Z'],
    ['20171223-22:15:29:606|Step|up', '20171223-22:15:29:606', '2017-12-23T22:15:29.606Z'],
    [
      '- 1117838570 2005.06.03 R02 2005-06-03-15.42.50.675872 up',
      '2005-06-03-15.42.50.675872',
      '2005-06-03T15:42:50.675Z',
    ],
    ['1531171074631 up', '2018-07-09T21:17:54.631Z', '2018-07-09T21:17:54.631Z'],
  ])('finds the time of «%s»', (line, text, iso) => {
    const found = createTimestampFinder()(line)
    expect(found?.text).toBe(text)
    expect(new Date(found?.ms ?? Number.NaN).toISOString()).toBe(iso)
  })

  it.each(['step 123456 789012', 'order 2026-99-99 25:61:00', 'nothing at all'])('finds none in «%s»', (line) => {
    expect(createTimestampFinder()(line)).toBeNull()
  })
})

describe('severity', () => {
  it.each([
    ['a WARNING before an Error', 'error'],
    ['kernel panic', 'fatal'],
    ['errors and prefailed and error_code', 'none'],
    ['[notice] ok', 'info'],
    ['{"level":50,"msg":"it broke"}', 'error'],
    ['{"level": 60,"msg":"gone"}', 'fatal'],
    ['{"level":500,"msg":"not a level"}', 'none'],
  ])('reads «%s» as %s', (line, severity) => {
    expect(severityOf(line)).toBe(severity)
  })

  it('agrees with grep about every line made of its words and their neighbours', () => {
    const piece = fc.constantFrom(
      ...['error', 'Err', 'FATAL', 'warn', 'warning', 'info', 'debug', 'critical', 'crit', 'failed', 'level'],
      ...['"level":50', '"level": 30', '_', '-', ' ', ',', '.', '1', 's', '{', '}', '"', ':'],
    )
    const line = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 200 }), (lines) => {
        expect(summarizeLog(lines).severities).toEqual(grepSeverities(lines))
      }),
      { numRuns: 15 },
    )
  })
})

describe('log summary', () => {
  it('counts lines, times, severities and templates of a syslog as grep does', () => {
    const summary = summarizeLog(handMadeLog)
    expect(summary).toMatchObject({ lines: 41, entries: 41, first: 'Nov 21 09:18:00', last: 'Nov 21 09:18:50' })
    expect(summary.severities).toEqual(grepSeverities(handMadeLog))
    expect(Object.keys(summary.severities)).toEqual([...severities])
    expect(summary.templates).toEqual([
      {
        template: 'web1 sshd[<num>]: Accepted publickey for <*> from <ip> port <num>',
        count: 20,
        severity: 'none',
        example_line: 1,
      },
      {
        template: 'web1 sshd[<num>]: Failed password for root from <ip> port <num>',
        count: 12,
        severity: 'error',
        example_line: 21,
      },
      {
        template: 'web1 sshd[<num>]: Connection closed by <ip> [preauth]',
        count: 8,
        severity: 'none',
        example_line: 33,
      },
      {
        template: 'web1 sshd[<num>]: fatal: Write failed: Connection reset by peer',
        count: 1,
        severity: 'fatal',
        example_line: 41,
      },
    ])
  })

  it('reads pino lines by message, level and time', () => {
    const lines = Array.from({ length: 12 }, (_, index) =>
      JSON.stringify({
        level: index % 4 === 0 ? 50 : 30,
        time: 1_700_000_000_000 + index,
        pid: index,
        msg: `request ${index} done`,
      }),
    )
    const summary = summarizeLog(lines)
    expect(summary).toMatchObject({ first: '2023-11-14T22:13:20.000Z', last: '2023-11-14T22:13:20.011Z' })
    expect(summary.severities).toEqual(grepSeverities(lines))
    expect(summary.templates.map(({ template, count, severity }) => [template, count, severity])).toEqual([
      ['request <num> done', 9, 'info'],
      ['request <num> done', 3, 'error'],
    ])
  })

  it('counts a stack trace of any length as one entry', () => {
    const trace = Array.from({ length: 200 }, (_, index) => `\tat com.example.Thing${index}.run(Thing.java:${index})`)
    const javaEntry = [
      '2026-11-21 09:18:01 ERROR worker died',
      'java.lang.IllegalStateException: no lease',
      ...trace,
      'Caused by: x.Y: z',
    ]
    const pythonTrace = [
      'Traceback (most recent call last):',
      '  File "a.py", line 3, in main',
      '    run()',
      'ValueError: bad',
    ]
    const lines = [
      ...javaEntry,
      '2026-11-21 09:18:02 INFO worker started',
      ...pythonTrace,
      '2026-11-21 09:18:03 INFO worker started',
    ]
    const summary = summarizeLog(lines)
    expect(summary.lines).toBe(lines.length)
    expect(summary.templates.map(({ template, count }) => [template, count])).toEqual([
      ['INFO worker started', 2],
      ['ERROR worker died', 1],
      ['Traceback (most recent call last):', 1],
    ])
  })

  it('counts lines without a time to the entry before, where nearly all entries have one', () => {
    const lines = handMadeLog.flatMap((line, index) =>
      index % 10 === 0 ? [line, 'plain output of a child process'] : [line],
    )
    expect(summarizeLog(lines)).toMatchObject({ lines: 46, entries: 41 })
  })

  it('tells apart a burst of errors, a companion of errors and a rare template, and says why', () => {
    const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString()
    const quiet = Array.from({ length: 400 }, (_, index) => `${at(index * 10)} INFO served ${index}`)
    const storm = Array.from({ length: 12 }, (_, index) => [
      `${at(2000 + index)} ERROR upstream ${index} refused`,
      `${at(2000 + index)} INFO opening breaker for upstream ${index}`,
    ]).flat()
    const odd = `${at(3000)} WARN clock stepped back`
    const lines = [...quiet.slice(0, 200), ...storm, ...quiet.slice(200, 300), odd, ...quiet.slice(300)]
    const kinds = summarizeLog(lines).anomalies.map(({ template, count, reason }) => [
      template,
      count,
      reason.split(':')[0],
    ])
    expect(kinds).toEqual([
      ['ERROR upstream <num> refused', 12, 'burst of errors'],
      ['INFO opening breaker for upstream <num>', 12, 'only with errors'],
      ['WARN clock stepped back', 1, 'rare'],
    ])
  })

  it('finds nothing strange in an even log', () => {
    const lines = Array.from({ length: 300 }, (_, index) =>
      sshd(index % 60, `${index % 3 ? 'Accepted' : 'Failed'} password ${index}`),
    )
    expect(summarizeLog(lines).anomalies).toEqual([])
  })

  it('says the same of access logs with ever new paths and agents', () => {
    const lines = Array.from(
      { length: 60 },
      (_, index) =>
        `1.2.3.${index} - - [17/May/2015:10:05:03 +0000] "GET /a/${index}?q=x${index} HTTP/1.1" ${index < 57 ? 200 : 500} ${index} "-" "Agent ${'very '.repeat(index % 5)}long"`,
    )
    expect(summarizeLog(lines).templates.map(({ template, count }) => [template, count])).toEqual([
      ['GET <path> HTTP/1.1 200', 57],
      ['GET <path> HTTP/1.1 500', 3],
    ])
  })
})

describe('finding the log in a message', () => {
  const log = handMadeLog.slice(0, 5)

  it('leaves out an instruction before, a question after, and the fence around it', () => {
    for (const message of [
      log.join('\n'),
      `Summarise this log:\n${log.join('\n')}\n`,
      `Summarise this.\n\n\`\`\`\n${log.join('\n')}\n\`\`\`\nThanks!`,
      `${log.join('\r\n')}\r\n\r\nWhat happened here?`,
    ]) {
      expect(findLogLines(message)).toEqual(log)
    }
  })

  it('keeps the end of a stack trace that a cut left at the start', () => {
    const lines = ['\tat com.example.A.run(A.java:1)', '\tat com.example.B.run(B.java:2)', ...log]
    expect(findLogLines(lines.join('\n'))).toEqual(lines)
  })

  it('takes a single log line for a log', () => {
    expect(findLogLines('2026-11-21 09:18:01 ERROR worker died')).toHaveLength(1)
    expect(findLogLines('{"level":50,"time":1700000000000,"msg":"worker died"}')).toHaveLength(1)
  })

  it.each(['hello', '', 'Why does this fail?\nError in my code, it says.\nInfo would help.', 'See you on 2026-11-21!'])(
    'takes «%s» for a conversation',
    (message) => {
      expect(findLogLines(message)).toBeNull()
    },
  )
})
