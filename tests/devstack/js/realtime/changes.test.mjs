// https://supabase.com/docs/guides/realtime/postgres-changes and
// https://supabase.com/docs/reference/javascript/subscribe
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { postgresChangesFilter } from '@supabase/supabase-js'
import { connect, Inbox, newId, service, shared, subscribed, unwrap } from '../support.mjs'

/** Subscribe a client to changes; return the received changes. */
async function listening(client, ...bindings) {
  const heard = new Inbox()
  const channel = client.channel(`changes-${newId()}`)
  for (const binding of bindings) {
    channel.on('postgres_changes', { event: '*', schema: 'public', ...binding }, heard.add)
  }
  await subscribed(channel)
  return heard
}

test('Listen to inserts: the row comes as JSON of its types', async () => {
  const { client, id: owner } = await shared('owner')
  const heard = await listening(client, { event: 'INSERT', table: 'things' })
  const thing = {
    id: newId(),
    owner_id: owner,
    title: 'Teapot',
    price: 9.9,
    tags: [1, 2],
    details: { deep: [true, null] },
    seen_at: '2026-01-02T03:04:05.678+00:00',
    is_open: true,
  }

  unwrap(await service().from('things').insert(thing))

  const change = await heard.next()
  assert.deepEqual(
    [change.eventType, change.schema, change.table, change.errors],
    ['INSERT', 'public', 'things', null],
  )
  assert.deepEqual(change.new, thing)
  assert.deepEqual(change.old, {})
  assert.match(change.commit_timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
})

test('Listen to updates and deletes: the old row is its key', async () => {
  const id = newId()
  const writer = service()
  const heard = await listening(connect(), { table: 'notes', filter: `id=eq.${id}` })

  unwrap(await writer.from('notes').insert({ id, body: 'one' }))
  unwrap(await writer.from('notes').update({ body: 'two' }).eq('id', id))
  unwrap(await writer.from('notes').delete().eq('id', id))

  const changes = [await heard.next(), await heard.next(), await heard.next()]
  assert.deepEqual(
    changes.map((change) => [change.eventType, change.new, change.old]),
    [
      ['INSERT', { id, body: 'one' }, {}],
      ['UPDATE', { id, body: 'two' }, { id }],
      ['DELETE', {}, { id }],
    ],
  )
})

test('Receiving old records: with replica identity full they are whole', async () => {
  const { client, id: owner } = await shared('owner')
  const id = newId()
  const heard = await listening(client, { event: 'UPDATE', table: 'drafts' })
  unwrap(await service().from('drafts').insert({ id, owner_id: owner, body: 'one' }))

  unwrap(await service().from('drafts').update({ body: 'two' }).eq('id', id))

  const change = await heard.next()
  assert.deepEqual(change.old, { id, owner_id: owner, body: 'one' })
})

test('Row level security: only the owner gets the change', async () => {
  const [owner, otherUser] = await Promise.all([shared('owner'), shared('otherUser')])
  const bindings = [{ table: 'things' }, { table: 'notes' }]
  const ownerChanges = await listening(owner.client, ...bindings)
  const others = [
    await listening(otherUser.client, ...bindings),
    await listening(connect(), ...bindings),
  ]
  const [thing, note] = [newId(), newId()]

  unwrap(await service().from('things').insert({ id: thing, owner_id: owner.id }))
  unwrap(await service().from('notes').insert({ id: note, body: 'for all' }))

  assert.equal((await ownerChanges.next()).new.id, thing)
  assert.equal((await ownerChanges.next()).new.id, note)
  for (const heard of others) assert.equal((await heard.next()).new.id, note)
})

const FILTERS = {
  eq: [(n) => `title=eq.b${n}`, 'b'],
  neq: [(n) => `title=neq.a${n}`, 'b', 'c'],
  gt: [(n) => `title=gt.b${n}`, 'c'],
  in: [(n) => `title=in.(a${n},c${n})`, 'a', 'c'],
  'not in': [(n) => `title=not.in.(a${n},c${n})`, 'b'],
  like: [(n) => `title=like.b%`, 'b'],
  'is null': [() => 'details=not.is.null', 'c'],
  'two, of which both must fit': [() => 'price=gte.2,price=lt.3', 'b'],
  'a built one': [
    (n) =>
      postgresChangesFilter()
        .in('title', [`b${n}`])
        .gt('price', 1),
    'b',
  ],
}

/** Return a filter's text; the client accepts a builder, but here a text is added to it. */
function textOf(filter) {
  return typeof filter === 'string' ? filter : filter.build()
}

test('Available filters, each on a channel of its own', async () => {
  const { client, id: owner } = await shared('owner')
  const n = newId()
  // Every channel gets the last note, so all earlier changes have arrived by then.
  const last = { event: 'INSERT', table: 'notes', filter: `id=eq.${n}` }
  const heard = await Promise.all(
    Object.values(FILTERS).map(([filtered]) => {
      const filter = `owner_id=eq.${owner},${textOf(filtered(n))}`
      return listening(client, { event: 'INSERT', table: 'things', filter }, last)
    }),
  )

  const rows = ['a', 'b', 'c'].map((letter, index) => ({
    id: newId(),
    owner_id: owner,
    title: `${letter}${n}`,
    price: index + 1,
    details: letter === 'c' ? {} : null,
  }))
  unwrap(await service().from('things').insert(rows))
  unwrap(await service().from('notes').insert({ id: n, body: 'last' }))

  for (const [index, [name, [, ...letters]]] of Object.entries(FILTERS).entries()) {
    const titles = []
    for (let row = {}; row.body !== 'last'; titles.push(row.title)) {
      row = (await heard[index].next()).new
    }
    assert.deepEqual(titles, [...letters.map((letter) => `${letter}${n}`), undefined], name)
  }
})

test('A built filter passes unchanged', async () => {
  const id = newId()
  const filter = postgresChangesFilter().eq('id', id).neq('body', 'a,b')
  const heard = await listening(connect(), { table: 'notes', filter })
  const other = newId()

  unwrap(
    await service()
      .from('notes')
      .insert([
        { id: other, body: 'x' },
        { id, body: 'c' },
      ]),
  )

  assert.deepEqual((await heard.next()).new, { id, body: 'c' })
})

test('select cuts the row down to some columns', async () => {
  const id = newId()
  const heard = await listening(connect(), {
    table: 'notes',
    filter: `id=eq.${id}`,
    select: ['id'],
  })

  unwrap(await service().from('notes').insert({ id, body: 'long' }))

  assert.deepEqual((await heard.next()).new, { id })
})

test('A column without a grant is left out', async () => {
  const id = newId()
  const heard = await listening(connect(), { table: 'profiles', filter: `id=eq.${id}` })

  unwrap(await service().from('profiles').insert({ id, name: 'Ada', secret: 'hidden' }))

  assert.deepEqual((await heard.next()).new, { id, name: 'Ada' })
})

test('Listen to all changes of a schema', async () => {
  const id = newId()
  const heard = await listening(connect(), {})

  unwrap(await service().from('notes').insert({ id, body: 'one' }))

  const change = await heard.next(({ table, new: row }) => table === 'notes' && row.id === id)
  assert.equal(change.eventType, 'INSERT')
})

test('A subscription sends its success or its error', async () => {
  const [standing, refused] = [new Inbox(), new Inbox()]
  const heard = async (table, inbox) => {
    const channel = connect().channel(`system-${newId()}`)
    channel.on('postgres_changes', { event: '*', schema: 'public', table }, () => {})
    channel.on('system', {}, inbox.add)
    await subscribed(channel)
  }

  await heard('notes', standing)
  await heard('unpublished', refused)

  const ok = await standing.next()
  assert.deepEqual(
    [ok.extension, ok.status, ok.message],
    ['postgres_changes', 'ok', 'Subscribed to PostgreSQL'],
  )
  const error = await refused.next()
  assert.equal(error.status, 'error')
  assert.match(error.message, /^Unable to subscribe to changes with given parameters\./)
})

test("postgres_changes_options.wait: the join's reply follows the subscription", async () => {
  const client = connect()
  const heard = new Inbox()
  const id = newId()
  const config = { postgres_changes_options: { wait: true } }
  const channel = client.channel(`waiting-${id}`, { config })
  channel.on(
    'postgres_changes',
    { event: 'INSERT', schema: 'public', table: 'notes', filter: `id=eq.${id}` },
    heard.add,
  )
  await subscribed(channel)

  unwrap(await service().from('notes').insert({ id, body: 'at once' }))

  assert.equal((await heard.next()).new.body, 'at once')
})
