import { describe, expect, it } from 'vitest'
import { startChatPage } from '../support/chat-page.ts'
import { begun, type ChatStage, pieces, stageTests, whole } from '../support/chat-stage.ts'
import { chunkRecord, say } from '../support/chat-upstream.ts'
import { startCluster } from '../support/cluster.ts'
import { stepwise } from '../support/stepwise-upstream.ts'

/** The chat page in a real browser, while what it needs is taken away. */
let stage: ChatStage
stageTests((started) => {
  stage = started
})

describe('an answer on its way', () => {
  it('goes on where it was when the network was cut', async () => {
    await using visitor = await stage.visit()
    const answer = await stage.beginAnswer(visitor)
    stage.network.cut()
    await visitor.isTold(/^Connection lost/)
    answer.send(3)
    expect(await visitor.texts()).toEqual([begun])
    stage.network.mend()
    await visitor.reads(pieces.slice(0, 6).join(''))
    // And again, with nothing new in between.
    stage.network.cut()
    await visitor.isTold(/^Connection lost/)
    stage.network.mend()
    answer.sendRest()
    await stage.expectWhole(visitor)
  })

  it('comes to its end although the browser was offline at that time', async () => {
    await using visitor = await stage.visit()
    const answer = await stage.beginAnswer(visitor)
    await visitor.context.setOffline(true)
    stage.network.cut()
    await visitor.isTold(/^Connection lost/)
    answer.sendRest()
    expect(await stage.resultOf(visitor.job)).toBe(whole)
    stage.network.mend()
    await visitor.context.setOffline(false)
    await stage.expectWhole(visitor)
  })

  it('is found again after a reload', async () => {
    await using visitor = await stage.visit()
    const answer = await stage.beginAnswer(visitor)
    await visitor.page.reload()
    await visitor.reads(begun)
    answer.send(2)
    await visitor.reads(pieces.slice(0, 5).join(''))
    answer.sendRest()
    await stage.expectWhole(visitor)
    expect(visitor.complaints).toEqual([])
  })

  it('is found again after a reload when its events are gone', async () => {
    await using visitor = await stage.visit()
    const answer = await stage.beginAnswer(visitor)
    stage.network.cut()
    answer.sendRest()
    expect(await stage.resultOf(visitor.job)).toBe(whole)
    await stage.broker.redis.del(`sluice:events:${visitor.job}`)
    stage.network.mend()
    await visitor.page.reload()
    await stage.expectWhole(visitor)
  })

  it('is one answer although nobody heard that the question had arrived', async () => {
    await using visitor = await stage.visit()
    const before = stage.broker.upstream.calls.length
    let lost = 0
    await visitor.page.route('**/api/chat', async (route) => {
      const response = await route.fetch()
      if (lost++ > 0) return route.fulfill({ response })
      return route.abort('connectionreset')
    })
    await visitor.ask('echo: once')
    await visitor.reads('once')
    expect(lost).toBe(2)
    expect(stage.broker.upstream.calls.length - before).toBe(1)
  })

  it('survives the server of the page', async () => {
    await using visitor = await stage.visit()
    const answer = await stage.beginAnswer(visitor)
    await stage.chat.replace()
    answer.sendRest()
    await stage.expectWhole(visitor)
  })

  it('survives a killed API', async () => {
    const stepped = stepwise(pieces)
    await using cluster = await startCluster({ script: stepped.script, leaseDuration: '60s', concurrency: 4 })
    const apiKey = cluster.headers.authorization?.replace('Bearer ', '') ?? ''
    await using page = await startChatPage({ sluiceUrl: cluster.url, apiKey, model: 'fleet' })
    await using visitor = await stage.visit(page.url)
    await visitor.ask('Who survives?')
    for (let count = 0; count < 3; count += 1) stepped.sendNext()
    await visitor.reads(begun)
    await cluster.process('api').end('SIGKILL')
    await visitor.isTold(/Connection lost|Trying again/)
    stepped.sendNext()
    cluster.process('api').start()
    await cluster.process('api').ready
    await visitor.reads(pieces.slice(0, 4).join(''))
    for (const _ of pieces) stepped.sendNext()
    await visitor.reads(whole)
    await visitor.isFree()
    expect(await visitor.texts()).toEqual([whole])
    expect(cluster.upstream.calls).toHaveLength(1)
  }, 180_000)

  it('begins anew when its dispatcher says so', async () => {
    let calls = 0
    stage.broker.upstream.script = (call, response) => {
      calls += 1
      if (calls > 1) return say(whole)(call, response)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(chunkRecord({ content: 'lost' }), () => response.destroy())
    }
    await using visitor = await stage.visit()
    await visitor.ask('x')
    await stage.expectWhole(visitor)
  })
})
