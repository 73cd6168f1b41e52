// https://supabase.com/docs/reference/javascript/storage-createbucket and the pages of the others
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { connect, service, unwrap } from '../support.mjs'

/** Create a new bucket; return its name and the service's client. */
async function created(options = { public: false }) {
  const { storage } = service()
  const name = `bucket-${randomUUID()}`
  unwrap(await storage.createBucket(name, options))
  return { storage, name }
}

test('createBucket and getBucket', async () => {
  const { storage } = service()
  const name = `bucket-${randomUUID()}`

  const { data, error } = await storage.createBucket(name, {
    public: false,
    allowedMimeTypes: ['image/png'],
    fileSizeLimit: 1024,
  })

  assert.deepEqual({ data, error }, { data: { name }, error: null })
  const { data: bucket } = await storage.getBucket(name)
  assert.deepEqual(
    [bucket.id, bucket.name, bucket.public, bucket.file_size_limit, bucket.allowed_mime_types],
    [name, name, false, 1024, ['image/png']],
  )
})

test('createBucket: a taken name', async () => {
  const { storage, name } = await created()

  const { data, error } = await storage.createBucket(name)

  assert.equal(data, null)
  assert.deepEqual(
    [error.name, error.status, error.statusCode, error.message],
    ['StorageApiError', 400, '409', 'The resource already exists'],
  )
})

test('createBucket: a user without a policy is refused', async () => {
  const { error } = await connect().storage.createBucket(`bucket-${randomUUID()}`)

  assert.deepEqual([error.status, error.statusCode], [400, '403'])
  assert.equal(error.message, 'new row violates row-level security policy')
})

test('getBucket: an unknown or hidden bucket', async () => {
  const { name } = await created()

  for (const answer of [
    await service().storage.getBucket(`bucket-${randomUUID()}`),
    await connect().storage.getBucket(name),
  ]) {
    assert.deepEqual(
      [answer.error.status, answer.error.statusCode, answer.error.message],
      [400, '404', 'Bucket not found'],
    )
  }
})

test('listBuckets: List buckets with options', async () => {
  const { storage, name } = await created()

  const { data } = await storage.listBuckets({
    limit: 10,
    offset: 0,
    sortColumn: 'created_at',
    sortOrder: 'desc',
    search: name,
  })

  assert.deepEqual(
    data.map((bucket) => bucket.name),
    [name],
  )
})

test('updateBucket', async () => {
  const { storage, name } = await created()

  const { data, error } = await storage.updateBucket(name, {
    public: true,
    allowedMimeTypes: ['image/png'],
    fileSizeLimit: 1024,
  })

  assert.deepEqual({ data, error }, { data: { message: 'Successfully updated' }, error: null })
  const { data: bucket } = await storage.getBucket(name)
  assert.deepEqual([bucket.public, bucket.file_size_limit], [true, 1024])
})

test('emptyBucket and deleteBucket', async () => {
  const { storage, name } = await created()
  unwrap(await storage.from(name).upload('a/b.txt', 'content'))

  const full = await storage.deleteBucket(name)
  const emptied = await storage.emptyBucket(name)
  const deleted = await storage.deleteBucket(name)

  assert.deepEqual([full.error.status, full.error.statusCode], [400, '409'])
  assert.equal(emptied.error, null)
  assert.deepEqual(deleted.data, { message: 'Successfully deleted' })
})
