/** From OpenAI's request to the library's options. */
import type {
  JSONSchema7,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
} from '@ai-sdk/provider'
import { ProviderError } from '../../core/provider.ts'
import { type ChatRequest, readChatRequest } from './chat-request.ts'
import type { ModelDialect } from './dialect.ts'
import { toPrompt } from './prompt.ts'
import { unsupported } from './unsupported.ts'

/** What is asked of the library, and beside it. */
export interface TranslatedCall {
  readonly options: LanguageModelV4CallOptions
  /** How many other tokens are to be named at each place; null where no probabilities are asked for. */
  readonly logprobs: number | null
}

/**
 * The options for one call. `maxOutputTokens` stands in where the request names no limit. Throws `unsupported`, before
 * anything is sent, for what this API or, as far as the library knows it, this model has no word for.
 */
export async function translateCall(
  bodyJson: string,
  dialect: ModelDialect,
  maxOutputTokens: number | undefined,
): Promise<TranslatedCall> {
  const request = readChatRequest(bodyJson, dialect.name)
  const logprobs = countLogprobs(request, dialect)
  const options = dialect.adjust(toCommonOptions(request, dialect, maxOutputTokens), request)
  await refuseWhatIsDropped(options, dialect)
  return { options, logprobs }
}

function countLogprobs({ logprobs, top_logprobs: others = 0 }: ChatRequest, dialect: ModelDialect): number | null {
  if (logprobs && dialect.logprobs === null) throw unsupported(dialect.name, 'logprobs')
  if (others > 0 && !logprobs) throw unsupported(dialect.name, 'top_logprobs without logprobs')
  return logprobs ? others : null
}

function toCommonOptions(
  request: ChatRequest,
  dialect: ModelDialect,
  usualOutputTokens: number | undefined,
): LanguageModelV4CallOptions {
  const { temperature, top_p, top_k, seed, stop, reasoning_effort } = request
  const maxOutputTokens = request.max_completion_tokens ?? request.max_tokens ?? usualOutputTokens
  const stopSequences = typeof stop === 'string' ? [stop] : stop
  return {
    prompt: toPrompt(request.messages, dialect),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(top_p !== undefined && { topP: top_p }),
    ...(top_k !== undefined && { topK: top_k }),
    ...(seed !== undefined && { seed }),
    // Zero is what OpenAI's dialect has without them.
    ...(request.frequency_penalty && { frequencyPenalty: request.frequency_penalty }),
    ...(request.presence_penalty && { presencePenalty: request.presence_penalty }),
    ...(stopSequences?.length && { stopSequences }),
    ...(reasoning_effort !== undefined && { reasoning: reasoning_effort }),
    ...toTools(request, dialect),
    ...toResponseFormat(request.response_format),
  }
}

function toTools(
  request: ChatRequest,
  dialect: ModelDialect,
): Pick<LanguageModelV4CallOptions, 'tools' | 'toolChoice'> {
  const { tools, tool_choice: choice } = request
  if (tools === undefined || tools.length === 0) {
    if (choice === undefined || choice === 'none' || choice === 'auto') return {}
    throw unsupported(dialect.name, 'tool_choice without tools')
  }
  if (typeof choice === 'object' && !tools.some((tool) => tool.function.name === choice.function.name)) {
    throw unsupported(dialect.name, 'tool_choice.function.name')
  }
  return {
    tools: tools.map((tool): LanguageModelV4FunctionTool => {
      const { name, description, parameters, strict } = tool.function
      const providerOptions = tool.cache_control ? dialect.partOptions.cacheControl(tool.cache_control) : undefined
      return {
        type: 'function',
        name,
        inputSchema: (parameters ?? { type: 'object', properties: {} }) as JSONSchema7,
        ...(description ? { description } : {}),
        // False is what the dialect has without it; the library would call it a setting that some models lack.
        ...(strict ? { strict } : {}),
        ...(providerOptions === undefined ? {} : { providerOptions }),
      }
    }),
    ...(choice === undefined
      ? {}
      : {
          toolChoice: typeof choice === 'object' ? { type: 'tool', toolName: choice.function.name } : { type: choice },
        }),
  }
}

function toResponseFormat(format: ChatRequest['response_format']): Pick<LanguageModelV4CallOptions, 'responseFormat'> {
  if (format === undefined || format.type === 'text') return {}
  if (format.type === 'json_object') return { responseFormat: { type: 'json' } }
  const { name, description, schema } = format.json_schema
  return {
    responseFormat: {
      type: 'json',
      schema: schema as JSONSchema7,
      ...(name === undefined ? {} : { name }),
      ...(description ? { description } : {}),
    },
  }
}

/** How fields are called in OpenAI's dialect that the library calls something else. */
const fieldNames: Readonly<Record<string, string>> = {
  temperature: 'temperature',
  topP: 'top_p',
  topK: 'top_k',
  seed: 'seed',
  frequencyPenalty: 'frequency_penalty',
  presencePenalty: 'presence_penalty',
  stopSequences: 'stop',
  maxOutputTokens: 'max_tokens',
  responseFormat: 'response_format',
  reasoning: 'reasoning_effort',
  toolChoice: 'tool_choice',
  toolContent: 'messages with tool calls without tools',
  strict: 'strict tools',
  'cacheControl breakpoint limit': 'more than four cache_control',
}

/**
 * The library drops or changes what a model can't do and says so in warnings, which come with the answer. So the request
 * is translated once without being sent. What it calls `compatibility` stands: the nearest thing that the model has.
 */
async function refuseWhatIsDropped(options: LanguageModelV4CallOptions, dialect: ModelDialect): Promise<void> {
  const answer = JSON.stringify(dialect.emptyAnswer)
  const send = async () => new Response(answer, { headers: { 'content-type': 'application/json' } })
  const { warnings } = await translate(options, dialect, dialect.createModel(send, true))
  for (const warning of warnings) {
    if (warning.type === 'compatibility') continue
    const feature = warning.type === 'unsupported' ? warning.feature : ''
    throw unsupported(dialect.name, fieldNames[feature] ?? 'a setting')
  }
}

async function translate(options: LanguageModelV4CallOptions, dialect: ModelDialect, model: LanguageModelV4) {
  try {
    return await model.doGenerate(options)
  } catch (error) {
    if (error instanceof ProviderError) throw error
    // No cause: the library's errors quote the request.
    const isAboutContent = error instanceof Error && error.name === 'AI_UnsupportedFunctionalityError'
    throw unsupported(dialect.name, isAboutContent ? 'content of messages' : 'body')
  }
}
