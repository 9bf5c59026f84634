/**
 * What goes into and comes out of a response, in OpenAI's words. Only what a chat completion can say as well is here:
 * messages, calls of functions with their results, and thoughts. Fields may be null where OpenAI lets them.
 */
type Nullable<Value> = Value | null | undefined

interface InputTextPart {
  readonly type: 'input_text' | 'output_text'
  readonly text: string
}

export interface InputRefusalPart {
  readonly type: 'refusal'
  readonly refusal: string
}

interface InputImagePart {
  readonly type: 'input_image'
  /** A link or a data URL. */
  readonly image_url: string
  readonly detail?: Nullable<'auto' | 'low' | 'high'>
}

interface InputFilePart {
  readonly type: 'input_file'
  /** A data URL. */
  readonly file_data: string
  readonly filename?: Nullable<string>
}

interface InputAudioPart {
  readonly type: 'input_audio'
  readonly input_audio: { readonly data: string; readonly format: 'mp3' | 'wav' }
}

export type InputPart = InputTextPart | InputRefusalPart | InputImagePart | InputFilePart | InputAudioPart

export interface MessageItem {
  readonly type?: 'message' | undefined
  readonly id?: Nullable<string>
  readonly role: 'user' | 'system' | 'developer' | 'assistant'
  readonly content: string | readonly InputPart[]
}

export interface FunctionCallItem {
  readonly type: 'function_call'
  readonly id?: Nullable<string>
  readonly call_id: string
  readonly name: string
  /** JSON text, as the model wrote it. */
  readonly arguments: string
}

export interface FunctionOutputItem {
  readonly type: 'function_call_output'
  readonly id?: Nullable<string>
  readonly call_id: string
  readonly output: string | readonly InputTextPart[]
}

export interface ReasoningItem {
  readonly type: 'reasoning'
  readonly id?: Nullable<string>
  readonly summary: readonly { readonly type: 'summary_text'; readonly text: string }[]
  readonly content?: Nullable<readonly { readonly type: 'reasoning_text'; readonly text: string }[]>
}

/** What an input item is once it stands for itself. */
export type InputItem = MessageItem | FunctionCallItem | FunctionOutputItem | ReasoningItem

/** Stands for an item of an earlier response. */
export interface ItemReference {
  readonly type: 'item_reference'
  readonly id: string
}

export interface LogProb {
  readonly token: string
  readonly logprob: number
  readonly bytes: readonly number[]
  readonly top_logprobs: readonly {
    readonly token: string
    readonly logprob: number
    readonly bytes: readonly number[]
  }[]
}

export interface UrlCitation {
  readonly type: 'url_citation'
  readonly url: string
  readonly title: string
  readonly start_index: number
  readonly end_index: number
}

export interface OutputTextPart {
  readonly type: 'output_text'
  readonly text: string
  readonly annotations: readonly UrlCitation[]
  readonly logprobs: readonly LogProb[]
}

export type OutputPart = OutputTextPart | InputRefusalPart

type ItemStatus = 'in_progress' | 'completed' | 'incomplete'

export interface OutputMessage {
  readonly id: string
  readonly type: 'message'
  readonly status: ItemStatus
  readonly role: 'assistant'
  readonly content: readonly OutputPart[]
}

export interface OutputFunctionCall extends FunctionCallItem {
  readonly id: string
  readonly status: ItemStatus
}

export interface OutputReasoning extends ReasoningItem {
  readonly id: string
}

/** What a model writes. Each of them is an input item as well, so that an answer can be sent back as it is. */
export type OutputItem = OutputMessage | OutputFunctionCall | OutputReasoning
