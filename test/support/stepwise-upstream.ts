import { type ChatScript, chunkRecord, lastRecords } from './chat-upstream.ts'

/** An upstream that sends one piece each time it is told to; what the prompt asks to echo, where there are no pieces. */
export function stepwise(cuts: readonly string[] | null) {
  const cutUp = (prompt: string) => cuts ?? prompt.replace(/^echo:\s*/, '').match(/[\s\S]{1,5}/gu) ?? []
  let steps = 0
  let wake = () => {}
  let done = false
  const script: ChatScript = async (call, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const content of cutUp(call.prompt)) {
      while (steps === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      steps -= 1
      response.write(chunkRecord({ content }))
    }
    done = true
    response.end(lastRecords())
  }
  return {
    script,
    countOf: (prompt: string) => cutUp(prompt).length,
    isDone: () => done,
    sendNext() {
      steps += 1
      wake()
    },
  }
}
