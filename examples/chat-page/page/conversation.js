/**
 * What was said in this tab, and which answer is on its way. Kept by the browser until the tab is closed, so that a reload
 * finds both again.
 *
 * A turn is `{ role: 'user' | 'assistant', content }`, and of an answer that did not come to its end `note` says why;
 * `hasFailed` ones are shown and not sent.
 */
const place = 'conversation'

export class Conversation {
  turns = []
  /** The answer on its way: `key` makes asking twice one question, `id` is the job's, null until it is known. */
  running = null

  constructor() {
    try {
      const { turns, running } = JSON.parse(sessionStorage.getItem(place)) ?? {}
      this.turns = turns ?? []
      this.running = running ?? null
    } catch {
      // Storage is forbidden: the conversation lasts until the page is left.
    }
  }

  ask(content) {
    this.turns.push({ role: 'user', content })
    this.begin()
  }

  /** Asks for an answer to what was said last. */
  begin() {
    if (this.turns.at(-1)?.role === 'assistant') this.turns.pop()
    const random = crypto.getRandomValues(new Uint8Array(16))
    this.running = { key: Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join(''), id: null }
    this.save()
  }

  accepted(id) {
    this.running.id = id
    this.save()
  }

  answer(turn) {
    this.turns.push({ role: 'assistant', ...turn })
    this.running = null
    this.save()
  }

  /** What the model is sent. */
  get messages() {
    const sent = this.turns.filter(({ content, hasFailed }) => content !== '' && !hasFailed)
    return sent.map(({ role, content }) => ({ role, content }))
  }

  save() {
    try {
      sessionStorage.setItem(place, JSON.stringify({ turns: this.turns, running: this.running }))
    } catch {
      // Full, or forbidden: a reload begins anew.
    }
  }
}
