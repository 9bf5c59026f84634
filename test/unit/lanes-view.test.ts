import { describe, expect, it } from 'vitest'
import { formatLanes } from '../../src/cli/lanes/show-lanes.ts'

const gate = { gate: 'a@mac-1', pool: 'studio', breaker: 'closed', closed: null, opens_at: null, running: 0, parked: 0 }
const shown = (fields: Partial<Record<keyof typeof gate, unknown>>) =>
  formatLanes({ data: [], deployments: [{ ...gate, ...fields }] })

describe('lanes and gates, as the command shows them', () => {
  it('point to the nodes where jobs are parked and nothing else closes the gate', () => {
    expect(shown({ parked: 3, closed: 'parked' })).toContain('`sluice nodes`')
    expect(shown({ parked: 3 })).toContain('`sluice nodes`')
  })

  it('say no more where the gate itself says why', () => {
    expect(shown({ parked: 3, closed: 'requests', opens_at: 1_795_260_351 })).not.toContain('`sluice nodes`')
    expect(shown({})).not.toContain('`sluice nodes`')
  })
})
