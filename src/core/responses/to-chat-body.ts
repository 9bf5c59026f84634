import { BrokerError } from '../errors.ts'
import type { InputItem } from './items.ts'
import type { FunctionTool, NamedFunction, ResponseRequest, TextFormat, ToolChoice } from './request.ts'
import { toChatMessages } from './to-chat-messages.ts'

type Fields = Record<string, unknown>

/**
 * The chat-completions body that asks for the same as a request for a response. `items` are what the model is given:
 * those of earlier responses first. @throws BrokerError `invalid_request` for what contradicts itself.
 */
export function toChatBody(request: ResponseRequest, items: readonly InputItem[]): Fields {
  const messages = toChatMessages(request.instructions, items)
  if (items.length === 0) {
    throw new BrokerError('invalid_request', 'Invalid field input: expected a text or at least one item', {
      param: 'input',
    })
  }
  const { text, reasoning, include, top_logprobs } = request
  const wantsLogprobs = (include ?? []).includes('message.output_text.logprobs') || (top_logprobs ?? 0) > 0
  return {
    model: request.model,
    messages,
    ...toolFields(request),
    ...given('temperature', request.temperature),
    ...given('top_p', request.top_p),
    ...given('max_completion_tokens', request.max_output_tokens),
    ...given('response_format', toResponseFormat(text?.format)),
    ...given('verbosity', text?.verbosity),
    ...given('reasoning_effort', reasoning?.effort),
    ...(wantsLogprobs && { logprobs: true, ...given('top_logprobs', top_logprobs) }),
    ...given('user', request.user),
    ...given('safety_identifier', request.safety_identifier),
    ...given('prompt_cache_key', request.prompt_cache_key),
    ...(request.stream === true && { stream: true }),
  }
}

function given(name: string, value: unknown): Fields {
  return value === undefined || value === null ? {} : { [name]: value }
}

/** A chat without tools must not say how they are used. */
function toolFields({ tools, tool_choice: choice, parallel_tool_calls }: ResponseRequest): Fields {
  const named = new Set((tools ?? []).map(({ name }) => name))
  for (const name of namesIn(choice)) {
    if (named.has(name)) continue
    throw new BrokerError('invalid_request', 'Invalid field tool_choice: names a function that is not among tools', {
      param: 'tool_choice',
    })
  }
  if (!tools || tools.length === 0) {
    if (choice !== 'required') return {}
    throw new BrokerError('invalid_request', 'Invalid field tool_choice: there are no tools to require', {
      param: 'tool_choice',
    })
  }
  return {
    tools: tools.map(toChatTool),
    ...given('tool_choice', toChatToolChoice(choice)),
    ...given('parallel_tool_calls', parallel_tool_calls),
  }
}

function namesIn(choice: ToolChoice | null | undefined): readonly string[] {
  if (typeof choice !== 'object' || choice === null) return []
  return choice.type === 'function' ? [choice.name] : choice.tools.map(({ name }) => name)
}

function toChatTool({ name, description, parameters, strict }: FunctionTool): Fields {
  const called = {
    name,
    ...given('description', description),
    ...given('parameters', parameters),
    ...given('strict', strict),
  }
  return { type: 'function', function: called }
}

function toChatToolChoice(choice: ToolChoice | null | undefined): unknown {
  if (typeof choice !== 'object' || choice === null) return choice
  const toChat = ({ name }: NamedFunction) => ({ type: 'function', function: { name } })
  if (choice.type === 'function') return toChat(choice)
  return { type: 'allowed_tools', allowed_tools: { mode: choice.mode, tools: choice.tools.map(toChat) } }
}

function toResponseFormat(format: TextFormat | null | undefined): unknown {
  if (!format || format.type === 'text') return null
  if (format.type !== 'json_schema') return { type: format.type }
  const { name, schema, description, strict } = format
  const described = { name, ...given('description', description), schema, ...given('strict', strict) }
  return { type: 'json_schema', json_schema: described }
}
