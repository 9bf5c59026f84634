import type { NodeReport } from '../../src/core/node.ts'

/** What a node reports that calls one Ollama, but for what a test says otherwise. */
export function nodeReport(facts: Partial<NodeReport> = {}): NodeReport {
  return {
    node: 'studio-1',
    pool: 'studio',
    transport: 'redis',
    version: '0.1.0',
    startedAtMs: 1_700_000_000_000,
    reportedAtMs: 1_700_000_060_000,
    isDraining: false,
    running: 1,
    slots: 2,
    waiting: 3,
    deployments: [{ id: 'studio-llama', isReady: true, reason: null, isLoaded: true, servesFrom: 'here' }],
    runtimes: [
      {
        kind: 'ollama',
        url: 'http://127.0.0.1:11434',
        version: '0.30.1',
        models: [{ name: 'llama3.1:latest', isLoaded: true, sizeBytes: 4_000_000_000, isRemote: false }],
        parallel: 2,
        cloud: 'off',
      },
    ],
    memory: { totalBytes: 64 * 2 ** 30, freeBytes: 16 * 2 ** 30 },
    platform: 'darwin arm64',
    ...facts,
  }
}
