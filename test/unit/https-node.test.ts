import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createJobId } from '../../src/core/job.ts'
import { type LeasePass, NodePasses } from '../../src/core/node-pass.ts'
import { completeConfig, keyVariableOf } from '../../src/process/node-config.ts'
import { runNode } from '../../src/process/run-node.ts'
import { ClaimRoom } from '../../src/remote/claim-room.ts'

describe('what a node asks for', () => {
  it('is all that it has room for, and of batch work never the last slot', () => {
    const room = new ClaimRoom({ concurrency: 4, lookAhead: 0 })
    expect(room.wish(0)).toEqual({ max: 4, maxBatch: 3 })
    expect(room.wish(0)).toBeNull()
  })

  it('is batch work in a poll of its own when the one under way takes none', () => {
    const room = new ClaimRoom({ concurrency: 4, lookAhead: 0 })
    const reserved = room.wish(3)
    expect(reserved).toEqual({ max: 1, maxBatch: 0 })
    expect(room.wish(2)).toEqual({ max: 1, maxBatch: 1 })
    // Two polls are enough: whichever is answered first makes room for one that asks for all.
    expect(room.wish(0)).toBeNull()
    if (reserved) room.isAnswered(reserved)
    expect(room.wish(1)).toBeNull()
  })

  it('is nothing where every slot is taken, and everything where there is but one', () => {
    expect(new ClaimRoom({ concurrency: 2, lookAhead: 0 }).wish(2)).toBeNull()
    expect(new ClaimRoom({ concurrency: 1, lookAhead: 0 }).wish(0)).toEqual({ max: 1, maxBatch: 1 })
    expect(new ClaimRoom({ concurrency: 1, lookAhead: 5 }).wish(2)).toEqual({ max: 4, maxBatch: 4 })
  })
})

describe('a pass', () => {
  const who = { pool: 'studio', node: 'mac-1' }
  const pass: LeasePass = {
    ...{ kind: 'lease', ...who, job: createJobId(), hop: 1, deployment: 'studio-a' },
    lease: { queue: 'lane.studio.public.batch', entryId: 'x-1', token: 'secret' },
  }

  it('is opened by the node and the pool that it was made for, and by nobody else', () => {
    const passes = new NodePasses([randomBytes(32)])
    const sealed = passes.seal(pass)
    expect(passes.open('lease', sealed, who)).toEqual(pass)
    expect(passes.open('attempt', sealed, who)).toBeNull()
    expect(passes.open('lease', sealed, { ...who, node: 'mac-2' })).toBeNull()
    expect(passes.open('lease', sealed, { ...who, pool: 'cloud' })).toBeNull()
  })

  it('is worth nothing when a single character was changed', () => {
    const passes = new NodePasses([randomBytes(32)])
    const sealed = passes.seal(pass)
    for (let index = 0; index < sealed.length; index += 1) {
      const other = sealed[index] === 'A' ? 'B' : 'A'
      const changed = sealed.slice(0, index) + other + sealed.slice(index + 1)
      const opened = passes.open('lease', changed, who)
      // The last character of base64 has bits that mean nothing.
      if (opened !== null) expect([opened, index]).toEqual([pass, sealed.length - 1])
    }
  })

  it('outlives the change of the key that it was signed with, as long as the old key is known', () => {
    const [old, now] = [randomBytes(32), randomBytes(32)]
    const sealed = new NodePasses([old]).seal(pass)
    expect(new NodePasses([now, old]).open('lease', sealed, who)).toEqual(pass)
    expect(new NodePasses([now]).open('lease', sealed, who)).toBeNull()
  })
})

describe('the start of a node', () => {
  const deployment = { id: 'openai-eu.1', pool: 'cloud', provider: 'openai', model: 'gpt-5' } as const
  const offered = {
    config: { pools: { cloud: { residency: 'cloud' } }, models: { fast: { deployments: [deployment] } } },
    keyed: [deployment.id],
  } as const

  it('wants a key of its own for what the broker calls with one', () => {
    const variable = keyVariableOf(deployment.id)
    expect(variable).toMatch(/_OPENAI_EU_1$/)
    const config = { ...offered.config, models: { fast: { deployments: [{ ...deployment }] } } }
    const keyed = [...offered.keyed]
    expect(() => completeConfig({ config, keyed }, {})).toThrow(variable)
    const complete = completeConfig({ config, keyed }, { [variable]: 'sk-own' })
    expect(complete.models.fast?.deployments[0]?.api_key?.reveal()).toBe('sk-own')
  })

  it('refuses to send a token over a line that others can read', async () => {
    const options = { pool: 'studio', isInsecure: false }
    await expect(runNode({ ...options, broker: 'http://sluice.example.com' })).rejects.toThrow(/--insecure/)
    await expect(runNode({ ...options, broker: 'ftp://sluice.example.com' })).rejects.toThrow(/https:/)
    await expect(runNode({ ...options, broker: 'https://me:secret@sluice.example.com' })).rejects.toThrow(/password/)
    await expect(runNode({ ...options, broker: 'https://sluice.example.com' })).rejects.toThrow(/node_tokens/)
  })
})
