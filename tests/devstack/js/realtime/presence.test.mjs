// https://supabase.com/docs/guides/realtime/presence
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { connect, Inbox, subscribed } from '../support.mjs'

/** Join a room under a key; return the channel, and its joins and leaves. */
async function present(room, key) {
  const [joins, leaves, syncs] = [new Inbox(), new Inbox(), new Inbox()]
  const channel = connect().channel(room, { config: { presence: { key } } })
  channel
    .on('presence', { event: 'join' }, joins.add)
    .on('presence', { event: 'leave' }, leaves.add)
    .on('presence', { event: 'sync' }, () => syncs.add(channel.presenceState()))
  await subscribed(channel)
  return { channel, joins, leaves, syncs }
}

test('Sync and track state: all members get the presence state', async () => {
  const room = randomUUID()
  const alice = await present(room, 'alice')
  const bob = await present(room, 'bob')

  assert.equal(await alice.channel.track({ user: 'alice', online_at: 1 }), 'ok')
  assert.equal(await bob.channel.track({ user: 'bob', online_at: 2 }), 'ok')

  for (const { syncs } of [alice, bob]) {
    const state = await syncs.next((seen) => seen.alice && seen.bob)
    assert.deepEqual(
      [state.alice, state.bob].map(([{ user, online_at }]) => [user, online_at]),
      [
        ['alice', 1],
        ['bob', 2],
      ],
    )
    assert.equal(typeof state.alice[0].presence_ref, 'string')
  }
})

test('A new member gets the presence state', async () => {
  const room = randomUUID()
  const alice = await present(room, 'alice')
  await alice.channel.track({ user: 'alice' })

  const bob = await present(room, 'bob')

  const { key, newPresences } = await bob.joins.next()
  assert.deepEqual([key, newPresences[0].user], ['alice', 'alice'])
})

test('A second track replaces the first', async () => {
  const room = randomUUID()
  const alice = await present(room, 'alice')
  const bob = await present(room, 'bob')

  await alice.channel.track({ status: 'here' })
  await alice.channel.track({ status: 'away' })

  const state = await bob.syncs.next(({ alice: [seen] = [] }) => seen?.status === 'away')
  assert.equal(state.alice.length, 1)
})

test('Two clients of one key have two states', async () => {
  const room = randomUUID()
  const [one, two] = [await present(room, 'alice'), await present(room, 'alice')]
  const bob = await present(room, 'bob')

  await one.channel.track({ tab: 1 })
  await two.channel.track({ tab: 2 })

  const state = await bob.syncs.next((seen) => seen.alice?.length === 2)
  assert.deepEqual(state.alice.map(({ tab }) => tab).sort(), [1, 2])
})

test('untrack: the member leaves', async () => {
  const room = randomUUID()
  const alice = await present(room, 'alice')
  const bob = await present(room, 'bob')
  await alice.channel.track({ user: 'alice' })
  await bob.joins.next()

  assert.equal(await alice.channel.untrack(), 'ok')

  const { key, leftPresences } = await bob.leaves.next()
  assert.deepEqual([key, leftPresences[0].user], ['alice', 'alice'])
})

test('A closed socket leaves', async () => {
  const room = randomUUID()
  const alice = await present(room, 'alice')
  const bob = await present(room, 'bob')
  await alice.channel.track({ user: 'alice' })
  await bob.joins.next()

  await alice.channel.unsubscribe()

  assert.equal((await bob.leaves.next()).key, 'alice')
})

test('The server makes a key for a client without one', async () => {
  const room = randomUUID()
  const bob = await present(room, 'bob')
  const channel = await subscribed(connect().channel(room))

  await channel.track({ user: 'nobody' })

  const { key, newPresences } = await bob.joins.next()
  assert.match(key, /^[0-9a-f-]{36}$/)
  assert.equal(newPresences[0].user, 'nobody')
})
