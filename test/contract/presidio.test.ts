import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { DetectorError } from '../../src/core/pii/detector.ts'
import { createPresidioDetector } from '../../src/detectors/presidio.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

interface AnalyzeRequest {
  readonly text: string
  readonly language: string
  readonly score_threshold: number
}

type Respond = (request: AnalyzeRequest, response: ServerResponse, message: IncomingMessage) => void

/** An answer as the analyzer of release 2.2 writes it: offsets count code points. */
function asRecorded(...findings: { type: string; start: number; end: number; score?: number }[]) {
  return findings.map(({ type, start, end, score = 0.85 }) => ({
    analysis_explanation: null,
    end,
    entity_type: type,
    recognition_metadata: {
      recognizer_identifier: 'SpacyRecognizer_140094861343232',
      recognizer_name: 'SpacyRecognizer',
    },
    score,
    start,
  }))
}

/** Finds each `word` of the text, and counts as Python does. */
const findWords =
  (types: Readonly<Record<string, string>>): Respond =>
  ({ text }, response) => {
    const findings = Object.entries(types).flatMap(([word, type]) =>
      [...text.matchAll(new RegExp(word, 'g'))].map(({ index }) => {
        const start = [...text.slice(0, index)].length
        return { type, start, end: start + [...word].length }
      }),
    )
    response.setHeader('content-type', 'application/json').end(JSON.stringify(asRecorded(...findings)))
  }

async function startAnalyzer(respond: Respond) {
  const requests: AnalyzeRequest[] = []
  let now = 0
  let current = respond
  const server = createServer((message, response) => {
    const chunks: Buffer[] = []
    message.on('data', (chunk) => chunks.push(chunk))
    message.on('end', () => {
      const request = JSON.parse(Buffer.concat(chunks).toString()) as AnalyzeRequest
      expect([message.method, message.url]).toEqual(['POST', '/base/analyze'])
      requests.push(request)
      current(request, response, message)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const logged: string[] = []
  const detector = createPresidioDetector({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/base/`,
    language: 'en',
    minScore: 0.4,
    timeoutMs: 1_000,
    connections: 2,
    log: createLogger({ level: 'debug', role: 'test', node: 'test' }, { write: (line) => logged.push(line) }),
    now: () => now,
  })
  return {
    detector,
    requests,
    logged,
    answerWith: (next: Respond) => {
      current = next
    },
    pass: (ms: number) => {
      now += ms
    },
    async [Symbol.asyncDispose]() {
      await detector.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const one = [{ name: '', text: 'the very private words' }]
const fail: Respond = (_request, response) => response.writeHead(500).end('{"error":"the very private words"}')

describe('a Presidio analyzer', () => {
  it('is asked as its protocol wants it, and its types become our entities', async () => {
    await using analyzer = await startAnalyzer(
      findWords({ Ada: 'PERSON', 'a@b.example': 'EMAIL_ADDRESS', X12: 'UK_PASSPORT', Q7: 'SHOE_SIZE' }),
    )
    const text = 'Ada wrote a@b.example with X12 and Q7'
    const [found] = await analyzer.detector.detect([{ name: '', text }])
    expect(found?.map(({ entity, start, end, score }) => [entity, text.slice(start, end), score])).toEqual([
      ['PERSON', 'Ada', 0.85],
      ['EMAIL', 'a@b.example', 0.85],
      ['PASSPORT', 'X12', 0.85],
      ['CUSTOM', 'Q7', 0.85],
    ])
    expect(analyzer.requests).toEqual([{ text, language: 'en', score_threshold: 0.4 }])
  })

  it('counts in code points, which become UTF-16 offsets', async () => {
    await using analyzer = await startAnalyzer(findWords({ Ada: 'PERSON', 'Zoë 🚀': 'PERSON' }))
    const texts = ['😀 Ada 👩‍👩‍👧 Ada', '𝒜 and Zoë 🚀!']
    const found = await analyzer.detector.detect(texts.map((text) => ({ name: '', text })))
    expect(found.map((list, index) => list.map(({ start, end }) => texts[index]?.slice(start, end)))).toEqual([
      ['Ada', 'Ada'],
      ['Zoë 🚀'],
    ])
  })

  it('gets short texts together, long ones in parts, and empty ones not at all', async () => {
    await using analyzer = await startAnalyzer(findWords({ Ada: 'PERSON' }))
    const long = `${'word '.repeat(9_000)}Ada`
    const pieces = ['Ada', '', 'x Ada', ' \n', long].map((text) => ({ name: '', text }))
    const found = await analyzer.detector.detect(pieces)
    expect(found.map((list) => list.map(({ start, end }) => [start, end]))).toEqual([
      [[0, 3]],
      [],
      [[2, 5]],
      [],
      [[45_000, 45_003]],
    ])
    expect(analyzer.requests.length).toBe(4)
    await analyzer.detector.detect([{ name: 'a', text: '' }])
    expect(analyzer.requests.length).toBe(4)
  })

  it('leaves out what is less sure than it was asked for, even if it does not', async () => {
    await using analyzer = await startAnalyzer((_request, response) => {
      response.end(JSON.stringify(asRecorded({ type: 'PERSON', start: 0, end: 3, score: 0.3 })))
    })
    expect(await analyzer.detector.detect(one)).toEqual([[]])
  })

  const failures: [string, Respond][] = [
    ['an error', fail],
    ['a redirect', (_request, response) => response.writeHead(302, { location: '/elsewhere' }).end()],
    ['no JSON', (_request, response) => response.end('<html>the very private words')],
    ['other JSON', (_request, response) => response.end('{"error":"the very private words"}')],
    ['findings without offsets', (_request, response) => response.end('[{"entity_type":"PERSON","score":1}]')],
    [
      'findings outside of the text',
      (_request, response) => response.end(JSON.stringify(asRecorded({ type: 'PERSON', start: 90, end: 95 }))),
    ],
    ['nothing but a cut connection', (_request, _response, message) => message.socket.destroy()],
    [
      'half an answer',
      (_request, response, message) => {
        response.writeHead(200, { 'content-length': '500' }).write('[{"entity_type"')
        setImmediate(() => message.socket.destroy())
      },
    ],
    ['nothing within the time limit', () => {}],
  ]

  it.each(failures)('that answers with %s is a failure, which quotes no text', async (_what, respond) => {
    await using analyzer = await startAnalyzer(respond)
    const error = await Promise.resolve(analyzer.detector.detect(one)).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(DetectorError)
    const { detector, message, stack, cause } = error as DetectorError
    expect(detector).toBe('presidio')
    expect(`${message} ${stack} ${String(cause)}`).not.toContain('private')
  })

  it('that is not there at all is a failure', async () => {
    const analyzer = await startAnalyzer(fail)
    const { detector } = analyzer
    await analyzer[Symbol.asyncDispose]()
    await expect(Promise.resolve(detector.detect(one))).rejects.toBeInstanceOf(DetectorError)
  })

  it('whose kept connection turns out to be closed is asked once more', async () => {
    let calls = 0
    await using analyzer = await startAnalyzer((request, response, message) => {
      calls += 1
      if (calls === 2) message.socket.destroy()
      else findWords({ private: 'PERSON' })(request, response, message)
    })
    await analyzer.detector.detect(one)
    expect(await analyzer.detector.detect(one)).toMatchObject([[{ entity: 'PERSON' }]])
    expect(calls).toBe(3)
  })

  it('that failed three jobs in a row is left alone for a while, then tried by one', async () => {
    await using analyzer = await startAnalyzer(fail)
    const ask = () => Promise.resolve(analyzer.detector.detect(one))
    for (let turn = 0; turn < 3; turn += 1) await expect(ask()).rejects.toThrow('status 500')
    await expect(ask()).rejects.toThrow('not asked')
    expect(analyzer.requests.length).toBe(3)

    analyzer.pass(2_000)
    await expect(ask()).rejects.toThrow('status 500')
    analyzer.pass(2_000)
    await expect(ask()).rejects.toThrow('not asked')
    expect(analyzer.requests.length).toBe(4)

    analyzer.pass(2_000)
    analyzer.answerWith(findWords({ private: 'PERSON' }))
    const [first, second] = await Promise.allSettled([ask(), ask()])
    expect([first.status, second.status]).toEqual(['fulfilled', 'rejected'])
    expect(await ask()).toMatchObject([[{ entity: 'PERSON' }]])
    expect(analyzer.logged.filter((line) => line.includes('is away')).length).toBe(1)
    expect(analyzer.logged.filter((line) => line.includes('is back')).length).toBe(1)
  })

  it('is tried with all texts of a job, however many', async () => {
    await using analyzer = await startAnalyzer(fail)
    const ask = (pieces: typeof one) => Promise.resolve(analyzer.detector.detect(pieces))
    for (let turn = 0; turn < 3; turn += 1) await expect(ask(one)).rejects.toThrow()
    analyzer.pass(2_000)
    analyzer.answerWith(findWords({ Ada: 'PERSON' }))
    const many = Array.from({ length: 5 }, () => ({ name: '', text: `Ada ${'word '.repeat(3_900)}` }))
    expect((await ask(many)).map((list) => list.length)).toEqual([1, 1, 1, 1, 1])
  })

  it('is asked by as many calls at once as it was said to take, and by no more', async () => {
    const waiting: (() => void)[] = []
    let most = 0
    await using analyzer = await startAnalyzer((...call) => {
      waiting.push(() => findWords({ Ada: 'PERSON' })(...call))
      most = Math.max(most, waiting.length)
      // Each waits for its neighbour.
      if (waiting.length === 2) for (const answer of waiting.splice(0)) answer()
    })
    const big = [{ name: '', text: `Ada ${'word '.repeat(15_000)}` }]
    await Promise.all(Array.from({ length: 5 }, () => analyzer.detector.detect(big)))
    expect(analyzer.requests.length).toBe(20)
    expect(most).toBe(2)
  })

  it('is let go when the caller gives up, which says nothing against it', async () => {
    await using analyzer = await startAnalyzer(() => {})
    for (let turn = 0; turn < 4; turn += 1) {
      const caller = new AbortController()
      const answer = Promise.resolve(analyzer.detector.detect(one, caller.signal))
      caller.abort(new Error('given up'))
      await expect(answer).rejects.toThrow('given up')
    }
    analyzer.answerWith(findWords({ private: 'PERSON' }))
    expect(await analyzer.detector.detect(one)).toMatchObject([[{ entity: 'PERSON' }]])
  })
})
