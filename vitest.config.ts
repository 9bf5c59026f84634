import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Two cores: more files at once only makes real servers time out.
    maxWorkers: 2,
    testTimeout: 20_000,
    // CI shares its cores with others; a test that needs a second try there is reported as such, and here it fails.
    retry: process.env.CI ? 1 : 0,
    hookTimeout: 60_000,
    globalSetup: ['test/support/global-redis.ts'],
  },
})
