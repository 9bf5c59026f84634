/** A turn of the conversation, as the page sends it. */
interface Turn {
  readonly role: 'user' | 'assistant'
  readonly content: string
}

export interface Question {
  /** The page's own number of this question: sent again, it is the same job. */
  readonly key: string
  readonly messages: readonly Turn[]
}

/** What the page may send. Model, system prompt and priority are not the visitor's to choose. */
export const questionSchema = {
  type: 'object',
  required: ['key', 'messages'],
  additionalProperties: false,
  properties: {
    key: { type: 'string', pattern: '^[0-9a-f]{32}$' },
    messages: {
      type: 'array',
      minItems: 1,
      maxItems: 200,
      items: {
        type: 'object',
        required: ['role', 'content'],
        additionalProperties: false,
        properties: { role: { enum: ['user', 'assistant'] }, content: { type: 'string', minLength: 1 } },
      },
    },
  },
} as const
