// https://supabase.com/docs/reference/javascript/select
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { documented, service } from '../support.mjs'

test('Getting your data: all columns of all rows', async () => {
  const { data, error, status, count } = await documented().from('characters').select()

  assert.deepEqual(
    { data, error, status, count },
    {
      data: [
        { id: 1, name: 'Luke' },
        { id: 2, name: 'Leia' },
        { id: 3, name: 'Han' },
      ],
      error: null,
      status: 200,
      count: null,
    },
  )
})

test('Handling errors: a table without a grant names itself', async () => {
  const { data, error, status } = await documented().from('closed').select()

  assert.equal(data, null)
  assert.equal(status, 401)
  assert.equal(error.code, '42501')
  assert.equal(error.message, 'permission denied for table closed')
})

test('Selecting specific columns', async () => {
  const { data } = await documented().from('characters').select('name')

  assert.deepEqual(data, [{ name: 'Luke' }, { name: 'Leia' }, { name: 'Han' }])
})

test('Renaming and casting a column', async () => {
  const { data } = await documented().from('characters').select('who:name, id::text').eq('id', 2)

  assert.deepEqual(data, [{ who: 'Leia', id: '2' }])
})

test('Query referenced tables: many of them are an array', async () => {
  const { data } = await documented().from('orchestral_sections').select(`
    name,
    instruments (
      name
    )
  `)

  assert.deepEqual(data, [
    { name: 'strings', instruments: [{ name: 'violin' }, { name: 'harp' }] },
    { name: 'woodwinds', instruments: [{ name: 'flute' }] },
  ])
})

test('Query referenced tables: the one of many is an object', async () => {
  const { data } = await documented()
    .from('instruments')
    .select('name, section:orchestral_sections (name)')
    .eq('id', 1)

  assert.deepEqual(data, [{ name: 'flute', section: { name: 'woodwinds' } }])
})

test('Query referenced tables with spaces in their names', async () => {
  const { data } = await documented().from('orchestral sections').select(`
    name,
    "musical instruments" (
      name
    )
  `)

  assert.deepEqual(data, [{ name: 'strings', 'musical instruments': [{ name: 'violin' }] }])
})

test('Query referenced tables through a join table', async () => {
  const { data } = await documented()
    .from('users')
    .select(
      `
      name,
      teams (
        name
      )
    `,
    )
    .in('id', [1, 2])

  assert.deepEqual(data, [
    { name: 'Kiran', teams: [{ name: 'Green' }, { name: 'Blue' }] },
    { name: 'Evan', teams: [{ name: 'Blue' }] },
  ])
})

for (const [by, select] of [
  ['the column', 'content, from:sender_id(name), to:receiver_id(name)'],
  [
    'the constraint',
    'content, from:users!messages_sender_id_fkey(name), to:users!messages_receiver_id_fkey(name)',
  ],
]) {
  test(`Query the same referenced table multiple times, by ${by}`, async () => {
    const { data } = await documented().from('messages').select(select)

    assert.deepEqual(data, [{ content: '👋', from: { name: 'Kiran' }, to: { name: 'Evan' } }])
  })
}

test('Query the same referenced table without a hint: the error lists them', async () => {
  const { error, status } = await documented().from('messages').select('users(name)')

  assert.equal(status, 300)
  assert.equal(error.code, 'PGRST201')
  assert.deepEqual(error.details.map(({ relationship }) => relationship.split(' ')[0]).sort(), [
    'messages_receiver_id_fkey',
    'messages_sender_id_fkey',
  ])
})

test('Query nested foreign tables through a join table', async () => {
  const { data } = await documented().from('games').select(`
    game_id:id,
    away_team:teams!games_away_team_fkey (
      users (
        id,
        name
      )
    )
  `)

  assert.deepEqual(data, [
    {
      game_id: 1,
      away_team: {
        users: [
          { id: 1, name: 'Kiran' },
          { id: 2, name: 'Evan' },
        ],
      },
    },
    { game_id: 2, away_team: { users: [{ id: 1, name: 'Kiran' }] } },
  ])
})

test('Filtering through referenced tables: the parent stays', async () => {
  const { data } = await documented()
    .from('instruments')
    .select('name, orchestral_sections(*)')
    .eq('orchestral_sections.name', 'woodwinds')
    .lt('id', 3)

  assert.deepEqual(data, [
    { name: 'flute', orchestral_sections: { id: 2, name: 'woodwinds' } },
    { name: 'violin', orchestral_sections: null },
  ])
})

test('Querying referenced table with count', async () => {
  const { data } = await documented().from('orchestral_sections').select('*, instruments(count)')

  assert.deepEqual(data, [
    { id: 1, name: 'strings', instruments: [{ count: 2 }] },
    { id: 2, name: 'woodwinds', instruments: [{ count: 1 }] },
  ])
})

test('Querying with count option: the answer has no body', async () => {
  const { data, count, status } = await documented()
    .from('characters')
    .select('*', { count: 'exact', head: true })

  assert.deepEqual({ data, count, status }, { data: null, count: 3, status: 200 })
})

for (const kind of ['exact', 'planned', 'estimated']) {
  test(`Querying with count option ${kind}: rows and count together`, async () => {
    const { data, count } = await documented().from('characters').select('id', { count: kind })

    assert.equal(data.length, 3)
    assert.equal(typeof count, 'number')
    if (kind !== 'planned') assert.equal(count, 3)
  })
}

test('A page of a counted table is a partial answer', async () => {
  const { data, count, status } = await documented()
    .from('characters')
    .select('id', { count: 'exact' })
    .range(1, 1)

  assert.deepEqual({ data, count, status }, { data: [{ id: 2 }], count: 3, status: 206 })
})

test('A page that begins after the end is an error that names it', async () => {
  const { data, error, status } = await documented()
    .from('characters')
    .select('id', { count: 'exact' })
    .range(10, 12)

  assert.equal(data, null)
  assert.equal(status, 416)
  assert.equal(error.code, 'PGRST103')
})

test('Querying JSON data', async () => {
  const { data } = await documented()
    .from('users')
    .select(
      `
      id, name,
      address->city
    `,
    )
    .eq('id', 1)

  assert.deepEqual(data, [{ id: 1, name: 'Kiran', city: 'Hobbiton' }])
})

test('Querying JSON data as text, under another name', async () => {
  const { data } = await documented()
    .from('users')
    .select('code:address->>postcode')
    .eq('address->>postcode', '90210')

  assert.deepEqual(data, [{ code: '90210' }])
})

test('Querying referenced table with inner join', async () => {
  const { data } = await documented()
    .from('instruments')
    .select('name, orchestral_sections!inner(name)')
    .eq('orchestral_sections.name', 'woodwinds')
    .limit(1)

  assert.deepEqual(data, [{ name: 'flute', orchestral_sections: { name: 'woodwinds' } }])
})

test('Querying referenced table with inner join, without its columns', async () => {
  const { data } = await documented()
    .from('instruments')
    .select('name, orchestral_sections!inner()')
    .eq('orchestral_sections.name', 'woodwinds')

  assert.deepEqual(data, [{ name: 'flute' }])
})

test('Spreading a referenced table', async () => {
  const { data } = await documented()
    .from('instruments')
    .select('name, ...orchestral_sections(section:name)')
    .eq('id', 1)

  assert.deepEqual(data, [{ name: 'flute', section: 'woodwinds' }])
})

test('Spreading many rows, each field as an array', async () => {
  const { data } = await documented()
    .from('orchestral_sections')
    .select('section:name, ...instruments(instruments:name)')
    .eq('id', 1)
    .order('id', { referencedTable: 'instruments' })

  assert.deepEqual(data, [{ section: 'strings', instruments: ['violin', 'harp'] }])
})

test('Switching schemas per query', async () => {
  const { data } = await service().schema('shop').from('items').select().eq('id', 1)

  assert.deepEqual(data, [{ id: 1, name: 'apple' }])
})

test('Switching to a schema that is not exposed', async () => {
  const { error, status } = await service().schema('other').from('things').select()

  assert.equal(status, 406)
  assert.equal(error.code, 'PGRST106')
  assert.equal(error.message, 'Invalid schema: other')
  assert.equal(error.hint, 'Only the following schemas are exposed: public, shop, docs')
})

test('An unknown table, and the suggestion of another', async () => {
  const { error, status } = await documented().from('character').select()

  assert.equal(status, 404)
  assert.deepEqual(
    { ...error },
    {
      code: 'PGRST205',
      message: "Could not find the table 'docs.character' in the schema cache",
      details: null,
      hint: "Perhaps you meant the table 'docs.characters'",
    },
  )
})

test('An unknown column', async () => {
  const { error, status } = await documented().from('characters').select('surname')

  assert.equal(status, 400)
  assert.equal(error.code, '42703')
  assert.equal(error.message, 'column characters.surname does not exist')
})

test('An unknown relationship', async () => {
  const { error, status } = await documented().from('characters').select('teams(name)')

  assert.equal(status, 400)
  assert.equal(error.code, 'PGRST200')
})

test('getOpenApiSpec: a project without a published description refuses', async () => {
  const { error, status } = await service().schema('docs').getOpenApiSpec()

  assert.equal(status, 404)
  assert.equal(error.code, 'PGRST126')
  assert.equal(error.message, 'Root endpoint metadata is disabled')
})
