import { startEmbeddedRedis } from '../../src/store/embedded/embedded-redis.ts'

/**
 * A process that owns an embedded Redis and does nothing else, for tests that kill it: `embedded-owner.ts DATA_DIR`.
 * Prints the url and the pid of the server as a line of JSON.
 */
const [dataDir = ''] = process.argv.slice(2)
const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const redis = await startEmbeddedRedis({ dataDir, logger })
console.log(JSON.stringify({ url: redis.url, pid: redis.pid }))
