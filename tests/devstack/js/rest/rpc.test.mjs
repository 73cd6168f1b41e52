// https://supabase.com/docs/reference/javascript/rpc
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, documented, person, service } from '../support.mjs'

const BICYCLE_AUCTION = '20000000-0000-0000-0000-000000000001'

test('Call a Postgres function without arguments', async () => {
  const { data, status } = await documented().rpc('hello_world')

  assert.deepEqual({ data, status }, { data: 'Hello world', status: 200 })
})

test('Call a Postgres function with arguments', async () => {
  const { data } = await documented().rpc('echo', { say: '👋' })

  assert.equal(data, '👋')
})

test('Bulk processing', async () => {
  const { data } = await documented().rpc('add_one_each', { arr: [1, 2, 3] })

  assert.deepEqual(data, [2, 3, 4])
})

test('Call a Postgres function with filters', async () => {
  const { data } = await documented().rpc('list_stored_countries').eq('id', 1).single()

  assert.deepEqual(data, { id: 1, name: 'Rohan' })
})

test('A function of rows has a count, a page and columns', async () => {
  const { data, count } = await documented()
    .rpc('list_stored_countries', {}, { count: 'exact' })
    .select('name')
    .lt('id', 3)
    .order('id', { ascending: false })
    .limit(1)

  assert.deepEqual({ data, count }, { data: [{ name: null }], count: 2 })
})

test('A function of rows, asked for the count alone', async () => {
  const { data, count } = await documented()
    .rpc('list_stored_countries', {}, { head: true, count: 'exact' })
    .lt('id', 3)

  assert.deepEqual({ data, count }, { data: null, count: 2 })
})

test('Call a read-only Postgres function', async () => {
  const { data } = await documented().rpc('hello_world', undefined, { get: true })

  assert.equal(data, 'Hello world')
})

test('Call a read-only Postgres function with an array', async () => {
  const { data } = await documented().rpc('add_one_each', { arr: [1, 2] }, { get: true })

  assert.deepEqual(data, [2, 3])
})

test('A function that writes cannot be called as read-only', async () => {
  const { error, status } = await service().rpc('bump', { key: 'fee' }, { get: true })

  assert.equal(status, 405)
  assert.equal(error.code, '25006')
})

test('A function without a result', async () => {
  const { data, error, status } = await documented().rpc('forget')

  assert.deepEqual({ data, error, status }, { data: null, error: null, status: 204 })
})

test('A function that answers one row is an object', async () => {
  const { data } = await connect().rpc('pair')

  assert.deepEqual(data, { a: 1, b: 'x' })
})

test('An argument left out has its default', async () => {
  const { data } = await connect().rpc('add', { a: 1 })

  assert.equal(data, 11)
})

test('A function of the row embeds', async () => {
  const { data } = await connect()
    .rpc('listings_above', { cents: 1500 })
    .select('title, auctions(current_price_cents)')
    .order('start_cents')
    .limit(1)

  assert.deepEqual(data, [{ title: 'Blue teapot', auctions: [{ current_price_cents: 2000 }] }])
})

test('A function that does not exist, or not with these arguments', async () => {
  const { error, status } = await documented().rpc('echo', { shout: '👋' })

  assert.equal(status, 404)
  assert.equal(error.code, 'PGRST202')
  assert.equal(error.message, 'Could not find the function docs.echo(shout) in the schema cache')
  assert.equal(
    error.details,
    'Searched for the function docs.echo with parameter shout or with a single unnamed json/jsonb' +
      ' parameter, but no matches were found in the schema cache.',
  )
})

test('A function without a grant', async () => {
  const anonymous = await connect().rpc('closed')
  const { client } = await person()
  const signedIn = await client.rpc('closed')

  assert.deepEqual([anonymous.status, anonymous.error.code], [401, '42501'])
  assert.deepEqual([signedIn.status, signedIn.error.code], [403, '42501'])
})

test('An error of a function keeps its code, detail and hint', async () => {
  const { data, error, status } = await connect().rpc('fail', {
    state: 'PT409',
    message: 'ORDER_BUSY',
    detail: 'of the order',
    hint: 'Wait',
  })

  assert.deepEqual({ data, status }, { data: null, status: 409 })
  assert.deepEqual(
    { ...error },
    { code: 'PT409', message: 'ORDER_BUSY', details: 'of the order', hint: 'Wait' },
  )
})

test('A function sets the status and headers of the answer', async () => {
  const { data, status } = await connect().rpc('teapot')

  assert.deepEqual({ data, status }, { data: null, status: 418 })
})

test('A function reads the caller and a header', async () => {
  const { client, id } = await person({ global: { headers: { 'x-test': 'conformance' } } })

  const { data } = await client.rpc('whoami')

  assert.deepEqual(
    [data.role, data.uid, data.method, data.path, data.agent],
    ['authenticated', id, 'POST', '/rpc/whoami', 'conformance'],
  )
})

test('The remaining time, by POST and by GET', async () => {
  const client = connect()
  const args = { auction_id: BICYCLE_AUCTION }

  const posted = await client.rpc('get_time_remaining', args)
  const got = await client.rpc('get_time_remaining', args, { get: true })

  for (const { data } of [posted, got]) {
    assert.deepEqual(Object.keys(data).sort(), [
      'auction_id',
      'end_at',
      'server_time',
      'status',
      'time_remaining',
      'version',
    ])
    assert.equal(typeof data.time_remaining, 'number')
  }
})
