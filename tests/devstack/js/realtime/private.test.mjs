// https://supabase.com/docs/guides/realtime/authorization, and the tokens behind it:
// https://supabase.com/docs/reference/javascript/realtime-api (setAuth)
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import {
  connect,
  Inbox,
  newId,
  PASSWORD,
  person,
  publishableKey,
  service,
  shared,
  subscribed,
  unwrap,
} from '../support.mjs'

const PRIVATE = { config: { private: true } }

const message = (payload) => ({ type: 'broadcast', event: 'said', payload })

test('A member with the policies sends and receives', async () => {
  const [one, other] = await Promise.all([shared('one'), shared('other')])
  const topic = `room:${randomUUID()}`
  const heard = new Inbox()
  const listener = other.client.channel(topic, PRIVATE)
  listener.on('broadcast', { event: 'said' }, heard.add)
  await subscribed(listener)
  const speaker = await subscribed(one.client.channel(topic, PRIVATE))

  await speaker.send(message({ n: 1 }))

  assert.deepEqual((await heard.next()).payload, { n: 1 })
})

test('A user without a policy is refused with a reason', async () => {
  const topic = `room:${randomUUID()}`
  const states = new Inbox()
  const channel = connect().channel(topic, PRIVATE)

  channel.subscribe((status, error) => states.add({ status, error }))

  const { status, error } = await states.next()
  assert.equal(status, 'CHANNEL_ERROR')
  assert.match(
    `${error.message} ${error.cause ?? ''}`,
    /Unauthorized: You do not have permissions to read from this Channel topic: room:/,
  )
})

test('A member who may only read sends nothing', async () => {
  const topic = `auction:${randomUUID()}`
  const heard = new Inbox()
  const listener = connect().channel(topic, PRIVATE)
  listener.on('broadcast', { event: '*' }, heard.add)
  await subscribed(listener)
  const speaker = await subscribed(connect().channel(topic, PRIVATE))

  await speaker.send(message({ n: 1 }))
  const args = { topic, event: 'said', payload: { n: 2 } }
  unwrap(await service().rpc('send_broadcast', args))

  assert.equal((await heard.next()).payload.n, 2)
})

test('A private and a public channel of one name are separate', async () => {
  const { client } = await shared('one')
  const topic = `room:${randomUUID()}`
  const heard = new Inbox()
  const open = connect().channel(topic)
  open.on('broadcast', { event: '*' }, heard.add)
  await subscribed(open)
  const closed = await subscribed(client.channel(topic, PRIVATE))
  const other = await subscribed(connect().channel(topic))

  await closed.send(message({ private: true }))
  await other.send(message({ private: false }))

  assert.deepEqual((await heard.next()).payload, { private: false })
})

test('setAuth: a new token changes the visible rows', async () => {
  const { client, id: owner } = await shared('one')
  const { session } = unwrap(await client.auth.getSession())
  const [heard, system] = [new Inbox(), new Inbox()]
  const anonymous = connect()
  const channel = anonymous.channel(randomUUID())
  const binding = { event: 'INSERT', schema: 'public', table: 'things' }
  channel.on('postgres_changes', binding, heard.add)
  channel.on('system', {}, system.add)
  await subscribed(channel)
  await system.next(({ status }) => status === 'ok')

  await anonymous.realtime.setAuth(session.access_token)
  await system.next(({ status }) => status === 'ok', 'the second subscription')
  const id = newId()
  unwrap(await service().from('things').insert({ id, owner_id: owner }))

  assert.equal((await heard.next()).new.id, id)
})

test('setAuth: a bad token closes the channel', async () => {
  const { client } = await person()
  const [states, system] = [new Inbox(), new Inbox()]
  const channel = client.channel(`room:${randomUUID()}`, PRIVATE)
  channel.on('system', {}, system.add)
  await subscribed(channel, states)

  await client.realtime.setAuth('no.such.token')

  assert.equal((await system.next()).status, 'error')
  assert.equal((await states.next()).status, 'CLOSED')
})

test("Signing in: the client's channels get the new session", async () => {
  const { email, id: owner } = await person()
  const client = connect()
  const [heard, system] = [new Inbox(), new Inbox()]
  const channel = client.channel(randomUUID())
  channel.on('postgres_changes', { event: '*', schema: 'public', table: 'things' }, heard.add)
  channel.on('system', {}, system.add)
  await subscribed(channel)
  await system.next(({ status }) => status === 'ok')

  unwrap(await client.auth.signInWithPassword({ email, password: PASSWORD }))
  await system.next(({ status }) => status === 'ok', 'the second subscription')
  const id = newId()
  unwrap(await service().from('things').insert({ id, owner_id: owner }))

  assert.equal((await heard.next()).new.id, id)
})

test('A session of another provider joins', async () => {
  const { client } = await shared('one')
  const { session } = unwrap(await client.auth.getSession())
  const options = { accessToken: async () => session.access_token }
  const other = connect(publishableKey, options)
  // A join does not wait for the token.
  await other.realtime.setAuth()

  const channel = await subscribed(other.channel(`room:${randomUUID()}`, PRIVATE))

  assert.equal(channel.state, 'joined')
})
