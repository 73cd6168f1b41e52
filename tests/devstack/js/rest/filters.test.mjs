// https://supabase.com/docs/reference/javascript/using-filters and the pages of its methods
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { documented } from '../support.mjs'

const CHARACTERS = {
  eq: [(q) => q.eq('name', 'Leia'), ['Leia']],
  neq: [(q) => q.neq('name', 'Leia'), ['Luke', 'Han']],
  gt: [(q) => q.gt('id', 2), ['Han']],
  gte: [(q) => q.gte('id', 2), ['Leia', 'Han']],
  lt: [(q) => q.lt('id', 2), ['Luke']],
  lte: [(q) => q.lte('id', 2), ['Luke', 'Leia']],
  like: [(q) => q.like('name', '%Lu%'), ['Luke']],
  'like, which minds case': [(q) => q.like('name', '%lu%'), []],
  ilike: [(q) => q.ilike('name', '%lu%'), ['Luke']],
  likeAllOf: [(q) => q.likeAllOf('name', ['L%', '%e']), ['Luke']],
  likeAnyOf: [(q) => q.likeAnyOf('name', ['%n', '%e']), ['Luke', 'Han']],
  ilikeAllOf: [(q) => q.ilikeAllOf('name', ['l%', '%E']), ['Luke']],
  ilikeAnyOf: [(q) => q.ilikeAnyOf('name', ['%N', '%E']), ['Luke', 'Han']],
  regexMatch: [(q) => q.regexMatch('name', '^L'), ['Luke', 'Leia']],
  regexIMatch: [(q) => q.regexIMatch('name', '^l'), ['Luke', 'Leia']],
  in: [(q) => q.in('name', ['Leia', 'Han']), ['Leia', 'Han']],
  'in nothing': [(q) => q.in('name', []), []],
  notIn: [(q) => q.notIn('name', ['Leia', 'Han']), ['Luke']],
  isDistinct: [(q) => q.isDistinct('name', 'Leia'), ['Luke', 'Han']],
  match: [(q) => q.match({ id: 2, name: 'Leia' }), ['Leia']],
  not: [(q) => q.not('name', 'is', null), ['Luke', 'Leia', 'Han']],
  'not in': [(q) => q.not('id', 'in', '(1,2)'), ['Han']],
  or: [(q) => q.or('id.eq.2,name.eq.Han'), ['Leia', 'Han']],
  'or with and': [(q) => q.or('id.gt.3,and(id.eq.1,name.eq.Luke)'), ['Luke']],
  'or with not': [(q) => q.or('id.not.in.(1,2),name.not.neq.Luke'), ['Luke', 'Han']],
  'or of an empty list': [(q) => q.or('id.in.()'), []],
  'two of or': [(q) => q.or('id.eq.1,id.eq.2').or('id.eq.2,id.eq.3'), ['Leia']],
  filter: [(q) => q.filter('name', 'in', '("Han","Yoda")'), ['Han']],
  'several filters': [(q) => q.gte('id', 1).lt('id', 3).neq('name', 'Luke'), ['Leia']],
}

for (const [name, [filtered, expected]] of Object.entries(CHARACTERS)) {
  test(`${name} on characters`, async () => {
    const { data, error } = await filtered(documented().from('characters').select('name'))

    assert.equal(error, null)
    assert.deepEqual(
      data.map((row) => row.name),
      expected,
    )
  })
}

const RESERVATIONS = {
  contains: [(q) => q.contains('during', '[2000-01-01 13:00, 2000-01-01 13:30)'), 'Emerald'],
  containedBy: [(q) => q.containedBy('during', '[2000-01-01 00:00, 2000-01-01 23:59)'), 'Emerald'],
  rangeGt: [(q) => q.rangeGt('during', '[2000-01-02 08:00, 2000-01-02 09:00)'), 'Topaz'],
  rangeGte: [(q) => q.rangeGte('during', '[2000-01-02 08:30, 2000-01-02 09:30)'), 'Topaz'],
  rangeLt: [(q) => q.rangeLt('during', '[2000-01-01 15:00, 2000-01-01 16:00)'), 'Emerald'],
  rangeLte: [(q) => q.rangeLte('during', '[2000-01-01 14:00, 2000-01-01 16:00)'), 'Emerald'],
  rangeAdjacent: [
    (q) => q.rangeAdjacent('during', '[2000-01-01 12:00, 2000-01-01 13:00)'),
    'Emerald',
  ],
  overlaps: [(q) => q.overlaps('during', '[2000-01-01 12:45, 2000-01-01 13:15)'), 'Emerald'],
}

for (const [name, [filtered, room]] of Object.entries(RESERVATIONS)) {
  test(`${name} on a range`, async () => {
    const { data } = await filtered(documented().from('reservations').select('room_name'))

    assert.deepEqual(data, [{ room_name: room }])
  })
}

test("A range has Postgres's form", async () => {
  const { data } = await documented().from('reservations').select('during').eq('id', 1)

  assert.equal(data[0].during, '["2000-01-01 13:00:00","2000-01-01 15:00:00")')
})

test('contains on an array', async () => {
  const { data } = await documented()
    .from('issues')
    .select('title')
    .contains('tags', ['is:open', 'priority:low'])

  assert.deepEqual(data, [{ title: 'Cache invalidation is not working' }])
})

test('overlaps on an array', async () => {
  const { data } = await documented()
    .from('issues')
    .select('title')
    .overlaps('tags', ['is:closed', 'severity:high'])

  assert.deepEqual(data, [{ title: 'Cache invalidation is not working' }])
})

test('containedBy on an array', async () => {
  const { data } = await documented()
    .from('classes')
    .select('name')
    .containedBy('days', ['monday', 'tuesday', 'wednesday', 'friday'])

  assert.deepEqual(data, [{ name: 'Chemistry' }])
})

test('contains on jsonb', async () => {
  const { data } = await documented()
    .from('users')
    .select('name')
    .contains('address', { postcode: 90210 })

  assert.deepEqual(data, [{ name: 'Kiran' }])
})

test('containedBy on jsonb', async () => {
  const { data } = await documented()
    .from('users')
    .select('name')
    .containedBy('address', {})
    .lt('id', 3)

  assert.deepEqual(data, [{ name: 'Evan' }])
})

test('is finds nulls', async () => {
  const { data } = await documented().from('countries').select().is('name', null).lt('id', 3)

  assert.deepEqual(data, [{ id: 2, name: null }])
})

const SEARCHES = [
  ['by default', `'eggs' & 'ham'`, { config: 'english' }],
  ['type plain', 'eggs ham', { type: 'plain', config: 'english' }],
  ['type phrase', 'green eggs', { type: 'phrase', config: 'english' }],
  ['type websearch', '"green eggs" or fish', { type: 'websearch', config: 'english' }],
  ['without a configuration', 'eggs', {}],
]

for (const [name, words, options] of SEARCHES) {
  test(`textSearch ${name}`, async () => {
    const { data, error } = await documented()
      .from('texts')
      .select('content')
      .textSearch('content', words, options)

    assert.equal(error, null)
    assert.deepEqual(data, [{ content: 'Green eggs and ham' }])
  })
}

test('or on a referenced table', async () => {
  const { data } = await documented()
    .from('orchestral_sections')
    .select(
      `
      name,
      instruments!inner (
        name
      )
    `,
    )
    .or('section_id.eq.2,name.eq.guzheng', { referencedTable: 'instruments' })

  assert.deepEqual(data, [{ name: 'woodwinds', instruments: [{ name: 'flute' }] }])
})

test('filter on a referenced table', async () => {
  const { data } = await documented()
    .from('orchestral_sections')
    .select(
      `
      name,
      instruments!inner (
        name
      )
    `,
    )
    .filter('instruments.name', 'eq', 'flute')

  assert.deepEqual(data, [{ name: 'woodwinds', instruments: [{ name: 'flute' }] }])
})

test('not.is null on a referenced table keeps rows with a match', async () => {
  const { data } = await documented()
    .from('orchestral_sections')
    .select('name, instruments()')
    .eq('instruments.name', 'harp')
    .not('instruments', 'is', null)

  assert.deepEqual(data, [{ name: 'strings' }])
})

test('Reserved words need double quotes', async () => {
  const { data } = await documented().from('lists').select('order').gt('"order"', 2)

  assert.deepEqual(data, [{ order: 3 }])
})

test('Names and values with reserved characters', async () => {
  const lists = documented().from('lists')

  const { data } = await lists
    .select('"order", "a,b", "c.d"')
    .in('"a,b"', ['x,(1)', 'no"thing'])
    .eq('"c.d"', 'y"z')

  assert.deepEqual(data, [{ order: 2, 'a,b': 'x,(1)', 'c.d': 'y"z' }])
})

test('A value of a wrong type', async () => {
  const { error, status } = await documented().from('characters').select().eq('id', 'Leia')

  assert.equal(status, 400)
  assert.equal(error.code, '22P02')
  assert.equal(error.message, 'invalid input syntax for type bigint: "Leia"')
})

test('A broken or', async () => {
  const { error, status } = await documented().from('characters').select().or('id.eq')

  assert.equal(status, 400)
  assert.equal(error.code, 'PGRST100')
  assert.match(error.message, /failed to parse logic tree/)
})
