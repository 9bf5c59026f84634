import { describe, it } from 'vitest'
import { killUnderLoad } from '../support/massacre.ts'

/** The same as `kill.test.ts`, with dispatchers that know nothing but the API's address and a token. */
describe('kill -9 with nodes over HTTPS', () => {
  for (const role of ['dispatcher', 'api'] as const) {
    it(`of the ${role}, 20 times under 200 running jobs, loses nothing and does nothing twice`, async () => {
      await killUnderLoad({ role, kills: 20, heldJobs: 200, passingJobs: 200, nodesOverHttps: true })
    }, 240_000)
  }
})
