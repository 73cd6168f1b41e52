// https://supabase.com/docs/reference/javascript/storage-from-createsignedurl and its neighbours
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { connect, shared, unwrap, url } from '../support.mjs'

/** Return a folder that the user may write, with two files in it. */
async function ownFolder() {
  const { client, id } = await shared('owner')
  const avatars = client.storage.from('avatars')
  const folder = `${id}/${randomUUID()}`
  const paths = [`${folder}/avatar1.txt`, `${folder}/avatar2.txt`]
  for (const path of paths) {
    unwrap(await avatars.upload(path, path, { contentType: 'text/plain' }))
  }
  return { avatars, folder, paths }
}

test('createSignedUrl: the link needs no key', async () => {
  const { avatars, paths } = await ownFolder()

  const { data, error } = await avatars.createSignedUrl(paths[0], 60)

  assert.equal(error, null)
  const address = `${url}/storage/v1/object/sign/avatars/${paths[0]}?token=`
  assert.ok(data.signedUrl.startsWith(address), data.signedUrl)
  const answer = await fetch(data.signedUrl)
  assert.deepEqual([answer.status, await answer.text()], [200, paths[0]])
})

test('createSignedUrl: Create a signed URL which triggers the download of the asset', async () => {
  const { avatars, paths } = await ownFolder()

  const { data } = await avatars.createSignedUrl(paths[0], 60, { download: true })

  const answer = await fetch(data.signedUrl)
  assert.match(answer.headers.get('content-disposition'), /^attachment/)
})

test('createSignedUrl: an object that the user may not read has no link', async () => {
  const { paths } = await ownFolder()
  const { client } = await shared('otherUser')

  const { data, error } = await client.storage.from('avatars').createSignedUrl(paths[0], 60)

  assert.equal(data, null)
  assert.deepEqual(
    [error.status, error.statusCode, error.message],
    [400, '404', 'Object not found'],
  )
})

test('A changed link is refused', async () => {
  const { avatars, paths } = await ownFolder()
  const { data } = await avatars.createSignedUrl(paths[0], 60)

  const answer = await fetch(data.signedUrl.replace('avatar1', 'avatar2'))

  assert.equal(answer.status, 400)
  assert.equal((await answer.json()).error, 'InvalidSignature')
})

test('createSignedUrls: several at once, with the error of one', async () => {
  const { avatars, folder, paths } = await ownFolder()
  const missing = `${folder}/missing.txt`

  const { data } = await avatars.createSignedUrls([...paths, missing], 60)

  assert.deepEqual(
    data.map(({ path, error }) => [path, error === null]),
    [...paths.map((path) => [path, true]), [missing, false]],
  )
  for (const [index, path] of paths.entries()) {
    assert.equal(await (await fetch(data[index].signedUrl)).text(), path)
  }
})

test('createSignedUploadUrl and uploadToSignedUrl: the token uploads once', async () => {
  const { avatars, folder } = await ownFolder()
  const path = `${folder}/by-link.txt`
  const otherUser = connect().storage.from('avatars')
  const options = { contentType: 'text/plain' }

  const { data: made } = await avatars.createSignedUploadUrl(path)
  const { data, error } = await otherUser.uploadToSignedUrl(path, made.token, 'sent', options)
  const again = await otherUser.uploadToSignedUrl(path, made.token, 'again', options)

  assert.equal(made.path, path)
  assert.ok(
    made.signedUrl.startsWith(`${url}/storage/v1/object/upload/sign/avatars/${path}?token=`),
  )
  assert.equal(error, null)
  assert.deepEqual([data.path, data.fullPath], [path, `avatars/${path}`])
  assert.equal(await unwrap(await avatars.download(path)).text(), 'sent')
  assert.equal(again.error.statusCode, '409')
})

test("createSignedUploadUrl: another user's folder is refused", async () => {
  const { avatars } = await ownFolder()

  const { error } = await avatars.createSignedUploadUrl('somebody/else.txt')

  assert.equal(error.message, 'new row violates row-level security policy')
})

test('Transformations of pictures are refused by name', async () => {
  const { avatars, paths } = await ownFolder()

  const { data, error } = await avatars.download(paths[0], { transform: { width: 100 } })

  assert.equal(data, null)
  assert.equal(error.status, 501)
})
