import * as z from 'zod'

/** What the parent sends to begin with; the password travels here because a command line can be read by anyone. */
export const startMessageSchema = z.strictObject({
  wasmFile: z.string(),
  folder: z.string(),
  port: z.int().min(1).max(65_535),
  password: z.string().regex(/^\w{16,}$/),
  persistence: z.enum(['append-only', 'snapshots']),
})
export type StartMessage = z.infer<typeof startMessageSchema>

/** What the child answers once it serves. */
export const servingMessage = 'serving'
