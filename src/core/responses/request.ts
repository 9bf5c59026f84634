import type { InputItem, ItemReference } from './items.ts'

type Nullable<Value> = Value | null | undefined

export interface FunctionTool {
  readonly type: 'function'
  readonly name: string
  readonly description?: Nullable<string>
  readonly parameters?: Nullable<Readonly<Record<string, unknown>>>
  readonly strict?: Nullable<boolean>
}

export interface NamedFunction {
  readonly type: 'function'
  readonly name: string
}

export type ToolChoice =
  | 'auto'
  | 'none'
  | 'required'
  | NamedFunction
  | { readonly type: 'allowed_tools'; readonly mode: 'auto' | 'required'; readonly tools: readonly NamedFunction[] }

export type TextFormat =
  | { readonly type: 'text' | 'json_object' }
  | {
      readonly type: 'json_schema'
      readonly name: string
      readonly schema: Readonly<Record<string, unknown>>
      readonly description?: Nullable<string>
      readonly strict?: Nullable<boolean>
    }

/** The request of a response as far as a chat completion can do what it asks for; all else is refused before. */
export interface ResponseRequest {
  readonly model: string
  readonly input?: Nullable<string | readonly (InputItem | ItemReference)[]>
  readonly instructions?: Nullable<string>
  readonly previous_response_id?: Nullable<string>
  readonly tools?: Nullable<readonly FunctionTool[]>
  readonly tool_choice?: Nullable<ToolChoice>
  readonly parallel_tool_calls?: Nullable<boolean>
  readonly text?: Nullable<{
    readonly format?: Nullable<TextFormat>
    readonly verbosity?: Nullable<'low' | 'medium' | 'high'>
  }>
  readonly reasoning?: Nullable<{
    readonly effort?: Nullable<string>
    readonly summary?: Nullable<'auto' | 'concise' | 'detailed'>
  }>
  readonly max_output_tokens?: Nullable<number>
  readonly temperature?: Nullable<number>
  readonly top_p?: Nullable<number>
  readonly top_logprobs?: Nullable<number>
  /** What a chat has no encrypted form of is left out of the answer: clients ask for it just in case. */
  readonly include?: Nullable<readonly ('message.output_text.logprobs' | 'reasoning.encrypted_content')[]>
  readonly metadata?: Nullable<Readonly<Record<string, string>>>
  readonly store?: Nullable<boolean>
  readonly background?: Nullable<boolean>
  readonly stream?: Nullable<boolean>
  readonly service_tier?: Nullable<'auto' | 'default' | 'flex' | 'priority'>
  readonly user?: Nullable<string>
  readonly safety_identifier?: Nullable<string>
  readonly prompt_cache_key?: Nullable<string>
}

/** What a response says of its request, whenever it is shown: OpenAI's defaults stand where nothing was said. */
export type ResponseEcho = Readonly<Record<string, unknown>>

/** What is kept of a request beside the chat that was made of it. */
export interface KeptRequest {
  readonly echo: ResponseEcho
  /** All that the model was given, what earlier responses brought along included; instructions apart. */
  readonly items: readonly InputItem[]
}

export function keepRequest(request: ResponseRequest, items: readonly InputItem[]): KeptRequest {
  return { echo: echoOf(request), items }
}

function echoOf(request: ResponseRequest): ResponseEcho {
  const { user } = request
  return {
    background: request.background ?? false,
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    max_tool_calls: null,
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    previous_response_id: request.previous_response_id ?? null,
    prompt_cache_key: request.prompt_cache_key ?? null,
    reasoning: { effort: request.reasoning?.effort ?? null, summary: request.reasoning?.summary ?? null },
    safety_identifier: request.safety_identifier ?? null,
    store: request.store ?? true,
    temperature: request.temperature ?? 1,
    text: {
      format: request.text?.format ?? { type: 'text' },
      ...(request.text?.verbosity && { verbosity: request.text.verbosity }),
    },
    tool_choice: request.tool_choice ?? 'auto',
    tools: (request.tools ?? []).map((tool) => ({
      ...tool,
      parameters: tool.parameters ?? null,
      strict: tool.strict ?? null,
    })),
    top_logprobs: request.top_logprobs ?? 0,
    top_p: request.top_p ?? 1,
    truncation: 'disabled',
    // OpenAI's description lets this one not be null.
    ...(user !== null && user !== undefined && { user }),
  }
}
