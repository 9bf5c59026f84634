import { describe, it } from 'vitest'
import { roles } from '../support/cluster.ts'
import { killUnderLoad } from '../support/massacre.ts'

/**
 * What is promised: an accepted job survives the death of any process. Each role is killed twenty times without warning
 * at random moments while two hundred jobs run and others come, pass and leave their webhooks behind.
 */
describe('kill -9', () => {
  for (const role of roles) {
    it(`of the ${role}, 20 times under 200 running jobs, loses nothing and does nothing twice`, async () => {
      await killUnderLoad({ role, kills: 20, heldJobs: 200, passingJobs: 200 })
    }, 300_000)
  }

  it('of a process that has all roles, 10 times under 100 running jobs, loses nothing and does nothing twice', async () => {
    await killUnderLoad({ role: 'up', kills: 10, heldJobs: 100, passingJobs: 100 })
  }, 180_000)
})
