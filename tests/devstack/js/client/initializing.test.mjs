// https://supabase.com/docs/reference/javascript/initializing, and the keys:
// https://supabase.com/docs/guides/api/api-keys
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anonJwt, connect, publishableKey, secretKey, serviceRoleJwt } from '../support.mjs'

for (const [name, key, role] of [
  ['the publishable key', publishableKey, 'anon'],
  ['the secret key', secretKey, 'service_role'],
  ['the legacy anon key', anonJwt, 'anon'],
  ['the legacy service_role key', serviceRoleJwt, 'service_role'],
]) {
  test(`Creating a client with ${name}`, async () => {
    const { data } = await connect(key).rpc('whoami')

    assert.deepEqual([data.role, data.uid], [role, null])
  })
}

test('An unknown key is refused everywhere', async () => {
  const client = connect('sb_publishable_of_somebody_else')

  const rest = await client.from('listings').select()
  const auth = await client.auth.signInWithPassword({ email: 'a@example.com', password: 'x' })
  const storage = await client.storage.listBuckets()

  assert.deepEqual([rest.status, rest.error.message], [401, 'Invalid API key'])
  assert.deepEqual([auth.error.status, auth.error.message], [401, 'Invalid API key'])
  assert.equal(storage.error.message, 'Invalid API key')
})

test('With additional parameters: the request has the header', async () => {
  const global = { headers: { 'x-test': 'my-app-name' } }

  const { data } = await connect(publishableKey, { global }).rpc('whoami')

  assert.equal(data.agent, 'my-app-name')
})

test('With custom schemas', async () => {
  const client = connect(secretKey, { db: { schema: 'shop' } })

  const { data } = await client.from('items').select('name').eq('id', 1)

  assert.deepEqual(data, [{ name: 'apple' }])
})

test('Custom fetch implementation', async () => {
  const paths = []
  const noted = (input, init) => {
    paths.push(new URL(input).pathname)
    return fetch(input, init)
  }

  await connect(publishableKey, { global: { fetch: noted } })
    .from('listings')
    .select()
    .limit(1)

  assert.deepEqual(paths, ['/rest/v1/listings'])
})

test('With a time limit for requests to the database', async () => {
  const client = connect(publishableKey, { db: { timeout: 100 } })

  const { error, status } = await client.rpc('nap', { seconds: 20 })

  assert.equal(status, 0)
  assert.match(error.message, /abort/i)
})

test('Edge Functions are refused by name', async () => {
  const { data, error } = await connect().functions.invoke('hello', { body: { name: 'world' } })

  assert.equal(data, null)
  assert.equal(error.name, 'FunctionsHttpError')
  assert.equal(error.context.status, 404)
  assert.match(await error.context.text(), /\/functions\/v1\/hello/)
})
