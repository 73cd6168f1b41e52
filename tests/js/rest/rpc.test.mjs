// https://supabase.com/docs/reference/javascript/rpc
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, documented, person, service } from '../support.mjs'

const BICYCLE_AUCTION = '20000000-0000-0000-0000-000000000001'

test('Call a Postgres function without arguments', async (t) => {
  const { data, status } = await documented(t).rpc('hello_world')

  assert.deepEqual({ data, status }, { data: 'Hello world', status: 200 })
})

test('Call a Postgres function with arguments', async (t) => {
  const { data } = await documented(t).rpc('echo', { say: '👋' })

  assert.equal(data, '👋')
})

test('Bulk processing', async (t) => {
  const { data } = await documented(t).rpc('add_one_each', { arr: [1, 2, 3] })

  assert.deepEqual(data, [2, 3, 4])
})

test('Call a Postgres function with filters', async (t) => {
  const { data } = await documented(t).rpc('list_stored_countries').eq('id', 1).single()

  assert.deepEqual(data, { id: 1, name: 'Rohan' })
})

test('A function of rows has a count, a page and columns', async (t) => {
  const { data, count } = await documented(t)
    .rpc('list_stored_countries', {}, { count: 'exact' })
    .select('name')
    .lt('id', 3)
    .order('id', { ascending: false })
    .limit(1)

  assert.deepEqual({ data, count }, { data: [{ name: null }], count: 2 })
})

test('A function of rows, asked for the count alone', async (t) => {
  const { data, count } = await documented(t)
    .rpc('list_stored_countries', {}, { head: true, count: 'exact' })
    .lt('id', 3)

  assert.deepEqual({ data, count }, { data: null, count: 2 })
})

test('Call a read-only Postgres function', async (t) => {
  const { data } = await documented(t).rpc('hello_world', undefined, { get: true })

  assert.equal(data, 'Hello world')
})

test('Call a read-only Postgres function with an array', async (t) => {
  const { data } = await documented(t).rpc('add_one_each', { arr: [1, 2] }, { get: true })

  assert.deepEqual(data, [2, 3])
})

test('A function that writes cannot be called as read-only', async (t) => {
  const { error, status } = await service(t).rpc('bump', { key: 'fee' }, { get: true })

  assert.equal(status, 405)
  assert.equal(error.code, '25006')
})

test('A function without a result', async (t) => {
  const { data, error, status } = await documented(t).rpc('forget')

  assert.deepEqual({ data, error, status }, { data: null, error: null, status: 204 })
})

test('A function that answers one row is an object', async (t) => {
  const { data } = await connect(t).rpc('pair')

  assert.deepEqual(data, { a: 1, b: 'x' })
})

test('An argument left out has its default', async (t) => {
  const { data } = await connect(t).rpc('add', { a: 1 })

  assert.equal(data, 11)
})

test('A function of the row embeds', async (t) => {
  const { data } = await connect(t)
    .rpc('listings_above', { cents: 1500 })
    .select('title, auctions(current_price_cents)')
    .order('start_cents')
    .limit(1)

  assert.deepEqual(data, [{ title: 'Blue teapot', auctions: [{ current_price_cents: 2000 }] }])
})

test('A function that does not exist, or not with these arguments', async (t) => {
  const { error, status } = await documented(t).rpc('echo', { shout: '👋' })

  assert.equal(status, 404)
  assert.equal(error.code, 'PGRST202')
  assert.equal(
    error.message,
    'Could not find the function docs.echo(shout) in the schema cache',
  )
  assert.equal(
    error.details,
    'Searched for the function docs.echo with parameter shout or with a single unnamed json/jsonb' +
      ' parameter, but no matches were found in the schema cache.',
  )
})

test('A function without a grant', async (t) => {
  const anonymous = await connect(t).rpc('closed')
  const { client } = await person(t)
  const signedIn = await client.rpc('closed')

  assert.deepEqual([anonymous.status, anonymous.error.code], [401, '42501'])
  assert.deepEqual([signedIn.status, signedIn.error.code], [403, '42501'])
})

test('What a function raises keeps its code, detail and hint', async (t) => {
  const { data, error, status } = await connect(t).rpc('fail', {
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

test('What a function sets is the answer: status and headers', async (t) => {
  const { data, status } = await connect(t).rpc('teapot')

  assert.deepEqual({ data, status }, { data: null, status: 418 })
})

test('A function sees who calls, and with which header', async (t) => {
  const { client, id } = await person(t, { global: { headers: { 'x-test': 'conformance' } } })

  const { data } = await client.rpc('whoami')

  assert.deepEqual(
    [data.role, data.uid, data.method, data.path, data.agent],
    ['authenticated', id, 'POST', '/rpc/whoami', 'conformance'],
  )
})

test('The time that remains, by POST and by GET', async (t) => {
  const client = connect(t)
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
