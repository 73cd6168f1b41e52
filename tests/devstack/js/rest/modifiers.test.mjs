// https://supabase.com/docs/reference/javascript/using-modifiers and the pages of its methods
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anonJwt, connect, documented, newId, publishableKey, service, url } from '../support.mjs'

test('select() after a write returns the written rows', async () => {
  const id = newId()

  const { data, status } = await documented()
    .from('countries')
    .upsert({ id, name: 'Mordor' })
    .select('name')

  assert.deepEqual({ data, status }, { data: [{ name: 'Mordor' }], status: 201 })
})

test('order()', async () => {
  const { data } = await documented()
    .from('characters')
    .select('id, name')
    .order('id', { ascending: false })

  assert.deepEqual(
    data.map((row) => row.id),
    [3, 2, 1],
  )
})

test('order() with nulls first, then by a second column', async () => {
  const { data } = await documented()
    .from('lists')
    .select('order')
    .order('"a,b"', { nullsFirst: true })
    .order('order', { ascending: false })

  assert.deepEqual(
    data.map((row) => row.order),
    [3, 1, 2],
  )
})

test('order() on a referenced table', async () => {
  const { data } = await documented()
    .from('orchestral_sections')
    .select(
      `
      name,
      instruments (
        name
      )
    `,
    )
    .order('name', { referencedTable: 'instruments', ascending: true })
    .eq('id', 1)

  assert.deepEqual(data, [{ name: 'strings', instruments: [{ name: 'harp' }, { name: 'violin' }] }])
})

test('order() of the parent by a referenced table', async () => {
  const { data } = await documented()
    .from('instruments')
    .select(
      `
      name,
      section:orchestral_sections (
        name
      )
    `,
    )
    .order('section(name)', { ascending: false })
    .order('id')

  assert.deepEqual(
    data.map((row) => row.name),
    ['flute', 'violin', 'harp'],
  )
})

test('limit()', async () => {
  const { data } = await documented().from('characters').select('name').limit(1)

  assert.deepEqual(data, [{ name: 'Luke' }])
})

test('limit() on a referenced table', async () => {
  const { data } = await documented()
    .from('orchestral_sections')
    .select(
      `
      name,
      instruments (
        name
      )
    `,
    )
    .limit(1, { referencedTable: 'instruments' })
    .eq('id', 1)

  assert.deepEqual(data, [{ name: 'strings', instruments: [{ name: 'violin' }] }])
})

test('range()', async () => {
  const { data } = await documented().from('characters').select('name').range(0, 1)

  assert.deepEqual(data, [{ name: 'Luke' }, { name: 'Leia' }])
})

test('range() on a referenced table', async () => {
  const { data } = await documented()
    .from('orchestral_sections')
    .select('instruments(name)')
    .range(1, 1, { referencedTable: 'instruments' })
    .eq('id', 1)

  assert.deepEqual(data, [{ instruments: [{ name: 'harp' }] }])
})

test('abortSignal()', async () => {
  const controller = new AbortController()
  const pending = connect().rpc('nap', { seconds: 20 }).abortSignal(controller.signal)
  const answer = pending.then((result) => result)

  controller.abort()

  const { data, error, status } = await answer
  assert.deepEqual({ data, status }, { data: null, status: 0 })
  assert.match(error.message, /^AbortError/)
})

test('single()', async () => {
  const { data } = await documented().from('characters').select('name').limit(1).single()

  assert.deepEqual(data, { name: 'Luke' })
})

for (const [name, filtered, rows] of [
  ['no row', (q) => q.eq('id', 9), '0 rows'],
  ['several rows', (q) => q.lt('id', 3), '2 rows'],
]) {
  test(`single() of ${name}`, async () => {
    const { data, error, status } = await filtered(
      documented().from('characters').select(),
    ).single()

    assert.deepEqual({ data, status }, { data: null, status: 406 })
    assert.deepEqual(
      { ...error },
      {
        code: 'PGRST116',
        message: 'Cannot coerce the result to a single JSON object',
        details: `The result contains ${rows}`,
        hint: null,
      },
    )
  })
}

test('maybeSingle() of one row', async () => {
  const { data } = await documented().from('characters').select().eq('name', 'Leia').maybeSingle()

  assert.deepEqual(data, { id: 2, name: 'Leia' })
})

test('maybeSingle() of no row', async () => {
  const { data, error, status } = await documented()
    .from('characters')
    .select()
    .eq('name', 'Katniss')
    .maybeSingle()

  assert.deepEqual({ data, error, status }, { data: null, error: null, status: 200 })
})

test('maybeSingle() of several rows', async () => {
  const { error, status } = await documented().from('characters').select().maybeSingle()

  assert.equal(status, 406)
  assert.equal(error.code, 'PGRST116')
})

test('csv()', async () => {
  const { data, status } = await documented().from('characters').select().csv()

  assert.deepEqual({ data, status }, { data: 'id,name\n1,Luke\n2,Leia\n3,Han', status: 200 })
})

test('throwOnError()', async () => {
  const query = documented().from('closed').select().throwOnError()

  await assert.rejects(async () => await query, { name: 'PostgrestError', code: '42501' })
})

test('maxAffected() undoes a larger change', async () => {
  const instruments = () => service().schema('docs').from('instruments')

  const { error, status } = await instruments().update({ section_id: 2 }).gt('id', 0).maxAffected(1)

  assert.equal(status, 400)
  assert.equal(error.code, 'PGRST124')
  const { count } = await instruments()
    .select('*', { count: 'exact', head: true })
    .eq('section_id', 2)
  assert.equal(count, 1)
})

test('setHeader() and the legacy keys', async () => {
  const client = connect(anonJwt, { db: { schema: 'docs' } })

  const { data } = await client
    .from('characters')
    .select('id')
    .setHeader('Prefer', 'count=exact')
    .limit(1)

  assert.deepEqual(data, [{ id: 1 }])
})

test('explain(): Get the execution plan, as text and as JSON', async () => {
  const characters = documented().from('characters')

  const text = await characters.select().explain()
  const json = await characters.select().explain({ format: 'json', analyze: true })

  assert.match(text.data, /^Aggregate {2}\(cost=[\s\S]*Seq Scan on characters/)
  assert.equal(json.data[0].Plan['Node Type'], 'Aggregate')
  assert.equal(typeof json.data[0]['Execution Time'], 'number')
})

test('rollback(): Validate an insert without persisting', async () => {
  const client = documented()
  const id = newId()

  const { data, status } = await client
    .from('countries')
    .insert({ id, name: 'France' })
    .select()
    .rollback()

  assert.deepEqual({ data, status }, { data: [{ id, name: 'France' }], status: 201 })
  const { data: stored } = await client.from('countries').select().eq('id', id)
  assert.deepEqual(stored, [])
})

test('stripNulls()', async () => {
  const { data } = await documented().from('lists').select().eq('"order"', 3).stripNulls()

  assert.deepEqual(data, [{ order: 3 }])
})

test('An error without a body names its code in a header', async () => {
  const answer = await fetch(`${url}/rest/v1/closed?select=id`, {
    method: 'HEAD',
    headers: { apikey: publishableKey, 'Accept-Profile': 'docs' },
  })

  assert.equal(answer.status, 401)
  assert.equal(answer.headers.get('proxy-status'), 'PostgREST; error=42501')
})
