import { followAnswer } from './answer-stream.js'
import { AnswerText } from './answer-text.js'
import { callServer, RefusedError } from './api.js'
import { Conversation } from './conversation.js'

const find = (id) => document.getElementById(id)
const [scroller, log, welcome, composer, question] = ['scroller', 'log', 'welcome', 'composer', 'question'].map(find)
const [send, stop, renew, state, template] = ['send', 'stop', 'renew', 'state', 'turn'].map(find)
/** So near to its end a reader wants to see what comes; further up they read. */
const nearEndPixels = 80
/** In characters; what is longer was hardly typed. */
const longQuestion = 600

const endings = {
  cancelled: { note: 'Stopped.' },
  expired: { note: 'This took too long and was given up.', hasFailed: true },
  failed: { note: 'This did not work.', hasFailed: true },
  rejected: { note: 'This was refused.', hasFailed: true },
}

const conversation = new Conversation()
let run = null

composer.addEventListener('submit', (event) => {
  event.preventDefault()
  const content = question.value
  if (run || content.trim() === '') return
  conversation.ask(content)
  question.value = ''
  showTurn(conversation.turns.at(-1))
  void answer()
})

question.addEventListener('keydown', (event) => {
  // While a word is being composed, Enter chooses it.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
  event.preventDefault()
  composer.requestSubmit()
})

stop.addEventListener('click', ({ detail }) => {
  // By a key: a button that is disabled loses the focus to nowhere.
  if (detail === 0) question.focus()
  stop.disabled = true
  showState('Stopping…')
  run.wantsStop = true
  if (conversation.running?.id) void cancel(conversation.running.id)
})

renew.addEventListener('click', () => {
  const id = conversation.running?.id
  if (id) void cancel(id)
  run?.controller.abort()
  conversation.turns = []
  conversation.running = null
  conversation.save()
  log.replaceChildren()
  showIdle()
})

/** Gets the answer on its way: asks for it unless that was done, follows it, and keeps it. */
async function answer() {
  const controller = new AbortController()
  const { signal } = controller
  run = { controller, wantsStop: false }
  const view = showTurn({ role: 'assistant', content: '' })
  view.element.setAttribute('aria-busy', 'true')
  showBusy()
  const onState = (words) => signal.aborted || showState(run.wantsStop ? 'Stopping…' : words)
  try {
    onState('Sending…')
    const id = await ask(signal, onState)
    onState('Waiting…')
    const onText = (piece) => keepInSight(() => view.text.append(piece))
    const end = await followAnswer(id, { onText, onReset: () => view.text.clear(), onState, signal })
    conversation.answer(await turnOf(id, end, { text: view.text.text, signal, onState }))
  } catch (error) {
    if (signal.aborted) return
    const note = error instanceof RefusedError ? error.message : 'Something in this page went wrong.'
    conversation.answer({ content: view.text.text, note, hasFailed: true })
    if (!(error instanceof RefusedError)) console.error(error)
  }
  keepInSight(() => finishTurn(view, conversation.turns.at(-1)))
  showIdle()
}

/** The id of the job, which is there already after a reload. */
async function ask(signal, onTrouble) {
  const { id: known, key } = conversation.running
  if (known) return known
  const json = { key, messages: conversation.messages }
  const { id } = await callServer('/api/chat', { json, signal, onTrouble })
  conversation.accepted(id)
  if (run.wantsStop) void cancel(id)
  return id
}

/** The answer as it is kept. */
async function turnOf(id, end, { text, signal, onState }) {
  const { status, error, isCutShort } = end
  if (status === 'completed') {
    // Nothing came by the stream where a model answers in one piece.
    const whole = end.text ?? (text || (await callServer(`/api/chat/${id}`, { signal, onTrouble: onState })).text)
    return { content: whole, ...(isCutShort && { note: 'The model’s limit on the length of an answer was reached.' }) }
  }
  const { note, hasFailed } = endings[status]
  return { content: text, note: error?.message && hasFailed ? `${note} ${error.message}` : note, hasFailed }
}

function cancel(id) {
  const { signal } = new AbortController()
  // What has ended meanwhile needs no stopping.
  return callServer(`/api/chat/${id}/cancel`, { json: {}, signal }).catch(() => {})
}

function showTurn(turn) {
  const element = template.content.firstElementChild.cloneNode(true)
  const [body, , again] = element.children
  const isOwn = turn.role === 'user'
  element.classList.add(turn.role)
  element.setAttribute('aria-label', isOwn ? 'You' : 'Answer')
  const view = { element, text: new AnswerText(body) }
  // Only what was said last can be said anew.
  for (const earlier of log.querySelectorAll('.again')) earlier.hidden = true
  if (isOwn) showQuestion(body, turn.content)
  else finishTurn(view, turn)
  again.addEventListener('click', () => {
    element.remove()
    conversation.begin()
    void answer()
  })
  welcome.hidden = true
  keepInSight(() => log.append(element), isOwn)
  return view
}

function showQuestion(body, content) {
  body.textContent = content
  if (content.length < longQuestion) return
  body.classList.add('pasted')
  // For who scrolls by keys.
  body.tabIndex = 0
}

/** Brings a turn on the page to what is kept of it. */
function finishTurn({ element, text }, { content, note = '', hasFailed = false }) {
  const [, remark, again] = element.children
  if (text.text !== content) {
    text.clear()
    text.append(content)
  }
  element.removeAttribute('aria-busy')
  remark.textContent = note
  remark.hidden = note === ''
  remark.classList.toggle('failure', hasFailed)
  again.hidden = !hasFailed
}

/** Does what makes the conversation longer, and scrolls along unless the reader has scrolled away. */
function keepInSight(change, always = false) {
  const isNear = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < nearEndPixels
  change()
  if (always || isNear) scroller.scrollTop = scroller.scrollHeight
}

function showState(words) {
  // A reader of screens says what changes; the same words again are no change.
  if (state.textContent !== words) state.textContent = words
}

function showBusy() {
  send.hidden = true
  stop.hidden = false
  stop.disabled = false
}

function showIdle() {
  run = null
  send.hidden = false
  stop.hidden = true
  welcome.hidden = conversation.turns.length > 0
  showState('')
}

for (const turn of conversation.turns) showTurn(turn)
scroller.scrollTop = scroller.scrollHeight
if (conversation.running) void answer()
else showIdle()
question.focus()
