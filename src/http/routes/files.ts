import { Readable } from 'node:stream'
import multipart from '@fastify/multipart'
import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { BrokerError } from '../../core/errors.ts'
import { isFileId } from '../../core/file.ts'
import { requireFile } from '../../pipeline/create-batch.ts'
import { readFileContent } from '../../pipeline/read-file.ts'
import { removeFile } from '../../pipeline/remove-file.ts'
import { deletedFile, fileList, fileListQuery, fileObject } from '../batch-schemas.ts'
import { fileView, listView } from '../batch-view.ts'
import { errorBody } from '../schemas.ts'
import { receiveUpload, type UploadDeps } from '../upload.ts'

const params = z.object({ id: z.string() })
const failures = { 400: errorBody, 401: errorBody, 404: errorBody, 503: errorBody }

/** In a scope of their own: no other route takes forms. */
export async function registerFileRoutes(app: FastifyInstance, deps: UploadDeps): Promise<void> {
  await app.register(async (scope) => {
    await scope.register(multipart)
    registerUpload(scope, deps)
  })
  registerReading(app, deps)
}

function registerUpload(scope: FastifyInstance, deps: UploadDeps): void {
  scope.post(
    '/v1/files',
    {
      schema: {
        summary: 'Uploads a file (multipart/form-data: `file`, `purpose`), as OpenAI’s',
        consumes: ['multipart/form-data'],
        response: { 200: fileObject, 413: errorBody, ...failures },
      },
    },
    async (request) => fileView(await receiveUpload(request, deps)),
  )
}

function registerReading(app: FastifyInstance, deps: UploadDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  typed.get(
    '/v1/files',
    {
      schema: {
        summary: 'Files of this tenant',
        querystring: fileListQuery,
        response: { 200: fileList, ...failures },
      },
    },
    async ({ query, tenant }) => {
      const { after, purpose, order, limit } = query
      if (after !== undefined && !isFileId(after)) {
        throw new BrokerError('invalid_request', 'Invalid query parameter after: expected a file id.', {
          param: 'after',
        })
      }
      const { files, hasMore } = await deps.files.list({
        tenant: tenant.name,
        order,
        limit,
        ...(purpose && { purpose }),
        ...(after !== undefined && { after }),
      })
      return listView(files.map(fileView), hasMore)
    },
  )

  typed.get(
    '/v1/files/:id',
    { schema: { summary: 'One file', params, response: { 200: fileObject, ...failures } } },
    async (request) => fileView(await requireFile(request.params.id, request.tenant, deps)),
  )

  typed.get(
    '/v1/files/:id/content',
    {
      // A HEAD would read the file and show nothing.
      exposeHeadRoute: false,
      schema: { summary: 'The content of a file; of one that a batch writes, the lines so far', params },
    },
    async (request, reply) => {
      const { id, filename } = await requireFile(request.params.id, request.tenant, deps)
      reply.header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(filename)}`)
      return reply.type('application/jsonl').send(Readable.from(readFileContent(id, deps), { objectMode: false }))
    },
  )

  typed.delete(
    '/v1/files/:id',
    { schema: { summary: 'Removes a file', params, response: { 200: deletedFile, 409: errorBody, ...failures } } },
    async (request) => {
      const { id } = await requireFile(request.params.id, request.tenant, deps)
      const outcome = await removeFile(id, deps)
      if (outcome === 'used') throw new BrokerError('file_in_use', undefined, { param: 'id' })
      return { id, object: 'file' as const, deleted: true as const }
    },
  )
}
