/** Counts tokens here, for when nobody else has. Estimates: every model has a tokenizer of its own. */
export interface TokenCounter {
  /** Input tokens of a chat-completions body. */
  countPrompt(bodyJson: string): number
  /** Output tokens of a `chat.completion` body. */
  countAnswer(bodyJson: string): number
}
