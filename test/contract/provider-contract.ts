/**
 * The exam that every provider adapter passes, against real servers that answer in the upstream's own format. What is
 * special to one dialect is tested next to its adapter.
 */
import { describeAnswers } from './provider-answers.ts'
import { describeFailures } from './provider-failures.ts'
import { createCandidate, type RecordedAnswers, type StartProvider } from './provider-harness.ts'
import { describeRefusals } from './provider-refusals.ts'

export function describeProvider(name: string, start: StartProvider, recorded: RecordedAnswers): void {
  const candidate = createCandidate(name, start, recorded)
  describeAnswers(candidate)
  describeRefusals(candidate)
  describeFailures(candidate)
}
