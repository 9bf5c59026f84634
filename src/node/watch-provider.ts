import { type Provider, ProviderError, type ProviderFailure } from '../core/provider.ts'

export interface CallWatcher {
  begun(): void
  /** Null: the call succeeded. */
  ended(failure: ProviderFailure | null): void
}

/** A provider whose calls are told to `watcher`: each begins once and ends once. */
export function watchProvider(provider: Provider, watcher: CallWatcher): Provider {
  async function watch<Result>(call: () => Promise<Result>): Promise<Result> {
    watcher.begun()
    let failure: ProviderFailure | null = 'aborted'
    try {
      const result = await call()
      failure = null
      return result
    } catch (error) {
      if (error instanceof ProviderError) failure = error.failure
      throw error
    } finally {
      watcher.ended(failure)
    }
  }

  async function* stream(call: Parameters<Provider['stream']>[0]): AsyncGenerator<readonly string[], void, undefined> {
    watcher.begun()
    // What a reader leaves in the middle says nothing about the server.
    let failure: ProviderFailure | null = 'aborted'
    try {
      yield* provider.stream(call)
      failure = null
    } catch (error) {
      if (error instanceof ProviderError) failure = error.failure
      throw error
    } finally {
      watcher.ended(failure)
    }
  }

  return {
    complete: (call) => watch(() => provider.complete(call)),
    embed: (call) => watch(() => provider.embed(call)),
    stream,
    close: () => provider.close(),
  }
}
