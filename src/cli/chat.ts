import type { Command } from 'commander'
import { addConnectionOptions, readConnection } from './client/connection.ts'
import { UsageError } from './client/failures.ts'
import { runCommand } from './client/run-command.ts'

interface ChatFlags {
  readonly model?: string
  readonly system?: string
  readonly json?: true
  readonly url?: string
}

const help = `
With a message, or with text on stdin, one answer is streamed to stdout. On a terminal without a message a conversation
begins: /exit or Ctrl-D ends it, /new forgets what was said, Ctrl-C stops an answer.
A message that is only - is read from stdin.`

/** Adds `sluice chat`. */
export function registerChatCommand(program: Command): void {
  const command = program
    .command('chat [message...]')
    .description('Talk to a model; the answer is streamed as it comes.')
    .option('-m, --model <name>', 'model that answers (default: the only one there is)')
    .option('-s, --system <text>', 'system message')
    .option('--json', 'print one JSON object when the answer is there')
    .addHelpText('after', help)
  addConnectionOptions(command).action((words: string[], flags: ChatFlags) =>
    runCommand({ json: flags.json === true }, async () => {
      const isConversation = words.length === 0 && process.stdin.isTTY === true
      if (isConversation && flags.json) throw new UsageError('--json needs a message.')
      const connection = readConnection(flags, process.env)
      const [{ createApiClient }, { runOneShot, chooseModel }, { runConversation }] = await Promise.all([
        import('./client/api-client.ts'),
        import('./chat/one-shot.ts'),
        import('./chat/conversation.ts'),
      ])
      const client = createApiClient(connection)
      try {
        const model = await chooseModel(client, flags.model)
        const opening = flags.system === undefined ? [] : [{ role: 'system' as const, content: flags.system }]
        if (isConversation) return await runConversation(client, { model, opening })
        return await runOneShot(client, { model, opening, words, json: flags.json === true })
      } finally {
        await client.close()
      }
    }),
  )
}
