// https://supabase.com/docs/reference/javascript/storage-from-upload and the pages of the others
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { openMarket } from '../market.mjs'
import { connect, service, shared, unwrap, url } from '../support.mjs'

const PNG = Buffer.from('89504e470d0a1a0a', 'hex')
const FORBIDDEN = 'new row violates row-level security policy'

/** Return a folder that the user may write, with a file in it. */
async function ownFolder() {
  const { client, id } = await shared('owner')
  const avatars = client.storage.from('avatars')
  const folder = `${id}/${randomUUID()}`
  const path = `${folder}/avatar1.png`
  const options = { contentType: 'image/png' }
  unwrap(await avatars.upload(path, PNG, options))
  return { avatars, folder, path, options }
}

async function bytesOf(blob) {
  return Buffer.from(await blob.arrayBuffer())
}

test('upload and download: the file and its type come back', async () => {
  const { avatars, folder } = await ownFolder()
  const path = `${folder}/avatar2.png`
  const file = new File([PNG], 'avatar2.png', { type: 'image/png' })

  const { data, error } = await avatars.upload(path, file, { cacheControl: '3600', upsert: false })

  assert.equal(error, null)
  assert.deepEqual([data.path, data.fullPath], [path, `avatars/${path}`])
  assert.equal(typeof data.id, 'string')
  const { data: blob } = await avatars.download(path)
  assert.equal(blob.type, 'image/png')
  assert.deepEqual(await bytesOf(blob), PNG)
})

for (const [name, body] of [
  ['an ArrayBuffer', Uint8Array.from(PNG).buffer],
  ['a Buffer', PNG],
  ['a Blob, which tells its own type', new Blob([PNG], { type: 'image/png' })],
]) {
  test(`upload: ${name}`, async () => {
    const { avatars, folder } = await ownFolder()
    const path = `${folder}/other.png`

    unwrap(await avatars.upload(path, body, { contentType: 'image/png' }))

    assert.deepEqual(await bytesOf(unwrap(await avatars.download(path))), PNG)
  })
}

test('upload: a taken name, with and without upsert', async () => {
  const { avatars, path, options } = await ownFolder()

  const { data, error } = await avatars.upload(path, PNG, options)
  const replaced = await avatars.upload(path, Buffer.from('new'), { ...options, upsert: true })

  assert.equal(data, null)
  assert.deepEqual(
    [error.name, error.status, error.statusCode, error.message],
    ['StorageApiError', 400, '409', 'The resource already exists'],
  )
  assert.equal(replaced.error, null)
  assert.equal(await unwrap(await avatars.download(path)).text(), 'new')
})

test("upload: into another user's folder", async () => {
  const { avatars } = await ownFolder()

  const { error } = await avatars.upload(`${randomUUID()}/a.png`, PNG, {
    contentType: 'image/png',
  })

  assert.deepEqual([error.status, error.statusCode, error.message], [400, '403', FORBIDDEN])
})

test('upload: the limits of the bucket', async () => {
  const { avatars, folder } = await ownFolder()

  const large = await avatars.upload(`${folder}/large.png`, Buffer.alloc(1001), {
    contentType: 'image/png',
  })
  const odd = await avatars.upload(`${folder}/a.pdf`, PNG, { contentType: 'application/pdf' })

  assert.deepEqual(
    [large.error.statusCode, large.error.message],
    ['413', 'The object exceeded the maximum allowed size'],
  )
  assert.deepEqual(
    [odd.error.statusCode, odd.error.message],
    ['415', 'mime type application/pdf is not supported'],
  )
})

test('update: always replaces', async () => {
  const { avatars, path, options } = await ownFolder()

  const { data } = await avatars.update(path, Buffer.from('newer'), options)

  assert.deepEqual([data.path, data.fullPath], [path, `avatars/${path}`])
  assert.equal(await unwrap(await avatars.download(path)).text(), 'newer')
})

test('move and copy', async () => {
  const { avatars, folder, path } = await ownFolder()

  const moved = await avatars.move(path, `${folder}/moved/avatar.png`)
  const copied = await avatars.copy(`${folder}/moved/avatar.png`, `${folder}/copied.png`)

  assert.equal(moved.data.message, 'Successfully moved')
  assert.deepEqual(copied.data, { path: `avatars/${folder}/copied.png` })
  assert.equal((await avatars.exists(path)).data, false)
  assert.deepEqual(await bytesOf(unwrap(await avatars.download(`${folder}/copied.png`))), PNG)
})

test('list: files and folders, with a search and a page', async () => {
  const { avatars, folder, options } = await ownFolder()
  unwrap(await avatars.upload(`${folder}/deeper/jon.png`, PNG, options))
  unwrap(await avatars.upload(`${folder}/jonathan.png`, PNG, options))
  const sortBy = { column: 'name', order: 'asc' }
  const names = (items) => items.map((item) => item.name)

  const { data } = await avatars.list(folder, { limit: 100, offset: 0, sortBy })
  const found = await avatars.list(folder, { search: 'jon', sortBy })
  const page = await avatars.list(folder, { limit: 1, offset: 1, sortBy })

  assert.deepEqual(names(data), ['avatar1.png', 'deeper', 'jonathan.png'])
  const [file, deeper] = data
  assert.deepEqual([deeper.id, deeper.metadata], [null, null])
  assert.deepEqual(
    [file.metadata.size, file.metadata.mimetype, file.metadata.cacheControl],
    [PNG.length, 'image/png', 'max-age=3600'],
  )
  assert.deepEqual(names(found.data), ['jonathan.png'])
  assert.deepEqual(names(page.data), ['deeper'])
})

test('info and exists', async () => {
  const { avatars, folder } = await ownFolder()
  const path = `${folder}/note.txt`
  const options = { contentType: 'text/plain', metadata: { colour: 'red' } }
  unwrap(await avatars.upload(path, 'hello', options))

  const { data } = await avatars.info(path)
  const there = await avatars.exists(path)
  const missing = await avatars.exists(`${folder}/missing.png`)

  assert.deepEqual(
    [data.name, data.size, data.contentType, data.metadata],
    [path, 5, 'text/plain', { colour: 'red' }],
  )
  assert.ok(data.lastModified)
  assert.deepEqual([there.data, missing.data], [true, false])
})

test('remove: the answer lists removed objects, and other users remove none', async () => {
  const { avatars, path } = await ownFolder()
  const { client } = await shared('otherUser')

  const refused = await client.storage.from('avatars').remove([path])
  const { data } = await avatars.remove([path])

  assert.deepEqual(refused.data, [])
  assert.deepEqual(
    data.map((item) => item.name),
    [path],
  )
  const gone = await avatars.download(path)
  assert.equal(gone.error.status, 400)
})

test('download: another user finds nothing', async () => {
  const { path } = await ownFolder()
  const { client } = await shared('otherUser')

  const { data, error } = await client.storage.from('avatars').download(path)

  assert.equal(data, null)
  assert.equal(error.status, 400)
})

test('getPublicUrl: everybody reads a public bucket', async () => {
  const photos = service().storage.from('listing-photos')
  const path = `${randomUUID()}/0.jpg`
  unwrap(await photos.upload(path, PNG, { contentType: 'image/jpeg' }))

  const shown = connect().storage.from('listing-photos').getPublicUrl(path)
  const saved = photos.getPublicUrl(path, { download: 'teapot.jpg' })

  assert.equal(shown.data.publicUrl, `${url}/storage/v1/object/public/listing-photos/${path}`)
  const answer = await fetch(shown.data.publicUrl)
  assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'image/jpeg'])
  const download = await fetch(saved.data.publicUrl)
  assert.match(download.headers.get('content-disposition'), /^attachment; filename=teapot\.jpg/)
})

test('The market: only the service writes, and policies decide about reads', async () => {
  const market = await openMarket()
  const { data: dispute } = await market.buyer.client.from('disputes').select('id').single()
  const evidence = `${dispute.id}/${market.buyer.id}_photo.png`
  const options = { contentType: 'image/png' }
  const bucket = (client) => client.storage.from('evidence-uploads')

  const byBuyer = await bucket(market.buyer.client).upload(evidence, PNG, options)
  unwrap(await bucket(service()).upload(evidence, PNG, options))

  assert.equal(byBuyer.error.message, FORBIDDEN)
  for (const { client } of [market.buyer, market.seller]) {
    assert.equal((await bucket(client).download(evidence)).error, null)
  }
  for (const client of [market.otherUser.client, connect()]) {
    assert.equal((await bucket(client).download(evidence)).error.status, 400)
  }
})
