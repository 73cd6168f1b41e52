// https://supabase.com/docs/reference/javascript/insert and the pages of update, upsert and delete
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { documented, newId, person, unwrap } from '../support.mjs'

const DUPLICATE = {
  code: '23505',
  details: 'Key (id)=(1) already exists.',
  hint: null,
  message: 'duplicate key value violates unique constraint "countries_pkey"',
}

/** Insert a country of the test's own and return its id. */
async function newCountry(client, name) {
  const id = newId()
  unwrap(await client.from('countries').insert({ id, name }))
  return id
}

test('insert: Create a record', async () => {
  const client = documented()
  const id = newId()

  const { data, error, status } = await client.from('countries').insert({ id, name: 'Mordor' })

  assert.deepEqual({ data, error, status }, { data: null, error: null, status: 201 })
  const stored = await client.from('countries').select().eq('id', id)
  assert.deepEqual(stored.data, [{ id, name: 'Mordor' }])
})

test('insert: Create a record and return it', async () => {
  const id = newId()

  const { data, status } = await documented()
    .from('countries')
    .insert({ id, name: 'Mordor' })
    .select()

  assert.deepEqual({ data, status }, { data: [{ id, name: 'Mordor' }], status: 201 })
})

test('insert: Bulk create stores all or nothing', async () => {
  const client = documented()
  const id = newId()

  const { error, status } = await client.from('countries').insert([
    { id, name: 'Mordor' },
    { id: 1, name: 'The Shire' },
  ])

  assert.equal(status, 409)
  assert.deepEqual({ ...error }, DUPLICATE)
  const { count } = await client
    .from('countries')
    .select('*', { count: 'exact', head: true })
    .eq('id', id)
  assert.equal(count, 0)
})

test('insert: Bulk create with a count', async () => {
  const rows = [{ id: newId() }, { id: newId() }]

  const { count, status } = await documented().from('countries').insert(rows, { count: 'exact' })

  assert.deepEqual({ count, status }, { count: 2, status: 201 })
})

for (const [defaultToNull, plan] of [
  [true, null],
  [false, 'free'],
]) {
  test(`insert: a row's missing key, with defaultToNull ${defaultToNull}`, async () => {
    const username = `u${newId()}`
    const rows = [{ username, plan: 'paid' }, { username: `${username}b` }]

    const { data } = await documented()
      .from('users')
      .insert(rows, { defaultToNull })
      .select('username, plan')

    assert.deepEqual(data, [
      { username, plan: 'paid' },
      { username: `${username}b`, plan },
    ])
  })
}

test('insert: a column that does not exist', async () => {
  const { error, status } = await documented().from('countries').insert({ id: 1, king: 'Sauron' })

  assert.equal(status, 400)
  assert.equal(error.code, 'PGRST204')
  assert.equal(error.message, "Could not find the 'king' column of 'countries' in the schema cache")
})

test('insert: a row that violates a foreign key', async () => {
  const { error, status } = await documented()
    .from('cities')
    .insert({ id: newId(), country_id: 987_654_321 })

  assert.equal(status, 409)
  assert.equal(error.code, '23503')
  assert.equal(error.details, 'Key (country_id)=(987654321) is not present in table "countries".')
})

test('insert: a row that row security refuses', async () => {
  const { client } = await person()

  const { error, status } = await client.from('orders').insert({ id: newId(), amount_cents: 1 })

  assert.equal(status, 403)
  assert.equal(error.code, '42501')
  assert.equal(error.message, 'new row violates row-level security policy for table "orders"')
})

test('upsert: Upsert your data', async () => {
  const client = documented()
  const id = await newCountry(client, 'Harad')

  const { data, status } = await client.from('countries').upsert({ id, name: 'Umbar' }).select()

  assert.equal(status, 200)
  assert.deepEqual(data, [{ id, name: 'Umbar' }])
})

test('upsert: Bulk Upsert your data', async () => {
  const client = documented()
  const id = await newCountry(client, 'Harad')
  const other = newId()

  const { data, status } = await client
    .from('countries')
    .upsert([
      { id, name: 'Umbar' },
      { id: other, name: 'Rhûn' },
    ])
    .select()

  assert.equal(status, 201)
  assert.deepEqual(data, [
    { id, name: 'Umbar' },
    { id: other, name: 'Rhûn' },
  ])
})

test('upsert: Upserting into tables with constraints', async () => {
  const client = documented()
  const username = `u${newId()}`
  unwrap(await client.from('users').insert({ username }))

  const refused = await client.from('users').upsert({ id: newId(), username }).select()

  assert.equal(refused.status, 409)
  assert.equal(refused.error.code, '23505')
  assert.equal(refused.error.details, `Key (username)=(${username}) already exists.`)
})

test('upsert: a single row using a unique key, and counting', async () => {
  const client = documented()
  const username = `u${newId()}`
  const { id } = unwrap(await client.from('users').insert({ username }).select('id').single())

  const { data, count } = await client
    .from('users')
    .upsert({ username, name: 'Bot' }, { onConflict: 'username', count: 'exact' })
    .select('id, name')

  assert.deepEqual({ data, count }, { data: [{ id, name: 'Bot' }], count: 1 })
})

test('upsert: ignoring duplicates keeps the row', async () => {
  const client = documented()
  const id = await newCountry(client, 'Harad')

  const { data } = await client
    .from('countries')
    .upsert({ id, name: 'Umbar' }, { ignoreDuplicates: true })
    .select()

  assert.deepEqual(data, [])
  const { data: stored } = await client.from('countries').select().eq('id', id)
  assert.deepEqual(stored, [{ id, name: 'Harad' }])
})

test('update: Updating your data', async () => {
  const client = documented()
  const id = await newCountry(client, 'Harad')

  const { data, error, status } = await client
    .from('countries')
    .update({ name: 'Umbar' })
    .eq('id', id)

  assert.deepEqual({ data, error, status }, { data: null, error: null, status: 204 })
})

test('update: Update a record and return it', async () => {
  const client = documented()
  const id = await newCountry(client, 'Harad')

  const { data, status } = await client
    .from('countries')
    .update({ name: 'Umbar' })
    .eq('id', id)
    .select()
    .single()

  assert.deepEqual({ data, status }, { data: { id, name: 'Umbar' }, status: 200 })
})

test('update: Updating JSON data', async () => {
  const client = documented()
  const username = `u${newId()}`
  const postcode = newId()
  unwrap(await client.from('users').insert({ username, address: { postcode } }))

  const { data } = await client
    .from('users')
    .update({ address: { street: 'Melrose Place', postcode } })
    .eq('address->postcode', postcode)
    .select('username, address')

  assert.deepEqual(data, [{ username, address: { street: 'Melrose Place', postcode } }])
})

test('update: no matching row is no error, and a count of 0', async () => {
  const { count, error, status } = await documented()
    .from('countries')
    .update({ name: 'Nowhere' }, { count: 'exact' })
    .eq('id', newId())

  assert.deepEqual({ count, error, status }, { count: 0, error: null, status: 204 })
})

test('delete: Delete a single record', async () => {
  const client = documented()
  const id = await newCountry(client, 'Harad')

  const { data, error, status } = await client.from('countries').delete().eq('id', id)

  assert.deepEqual({ data, error, status }, { data: null, error: null, status: 204 })
  const { data: rest } = await client.from('countries').select().eq('id', id)
  assert.deepEqual(rest, [])
})

test('delete: Delete a record and return it', async () => {
  const client = documented()
  const id = await newCountry(client, 'Harad')

  const { data, status } = await client.from('countries').delete().eq('id', id).select()

  assert.deepEqual({ data, status }, { data: [{ id, name: 'Harad' }], status: 200 })
})

test('delete: Delete multiple records', async () => {
  const client = documented()
  const ids = [await newCountry(client, 'Harad'), await newCountry(client, 'Rhûn')]

  const { count, status } = await client.from('countries').delete({ count: 'exact' }).in('id', ids)

  assert.deepEqual({ count, status }, { count: 2, status: 204 })
})
