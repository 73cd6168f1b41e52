// https://supabase.com/docs/guides/realtime/broadcast and
// https://supabase.com/docs/reference/javascript/broadcastmessage
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import {
  connect,
  Inbox,
  newId,
  publishableKey,
  service,
  shared,
  subscribed,
  unwrap,
  url,
} from '../support.mjs'

const PRIVATE = { private: true }

/** Join a topic; return the channel, its messages and its states. */
async function joined(client, topic, config = {}, event = '*') {
  const [heard, states] = [new Inbox(), new Inbox()]
  const channel = client.channel(topic, { config })
  channel.on('broadcast', { event }, heard.add)
  await subscribed(channel, states)
  return { channel, heard, states }
}

const message = (payload, event = 'cursor') => ({ type: 'broadcast', event, payload })

test('A message reaches the other members, and not its sender', async () => {
  const topic = randomUUID()
  const other = await joined(connect(), topic)
  const sender = await joined(connect(), topic)

  assert.equal(await sender.channel.send(message({ x: 1 })), 'ok')

  const { type, event, payload } = await other.heard.next()
  assert.deepEqual({ type, event, payload }, message({ x: 1 }))
  await other.channel.send(message({ x: 2 }))
  assert.deepEqual((await sender.heard.next()).payload, { x: 2 })
})

test('A listener gets only its event', async () => {
  const topic = randomUUID()
  const { heard } = await joined(connect(), topic, {}, 'wanted')
  const { channel } = await joined(connect(), topic)

  await channel.send(message({ n: 1 }, 'other'))
  await channel.send(message({ n: 2 }, 'wanted'))

  assert.deepEqual((await heard.next()).payload, { n: 2 })
})

test('Self-send: the sender gets its own message', async () => {
  const { channel, heard } = await joined(connect(), randomUUID(), { broadcast: { self: true } })

  await channel.send(message({ message: 'hi' }))

  assert.deepEqual((await heard.next()).payload, { message: 'hi' })
})

test('Acknowledge: the answer comes from the server', async () => {
  const { channel } = await joined(connect(), randomUUID(), { broadcast: { ack: true } })

  assert.equal(await channel.send(message({})), 'ok')
})

test('Messages of one sender keep their order', async () => {
  const topic = randomUUID()
  const { heard } = await joined(connect(), topic)
  const { channel } = await joined(connect(), topic)
  const sent = Array.from({ length: 20 }, (_, n) => n)

  for (const n of sent) await channel.send(message({ n }))

  const came = []
  for (const _ of sent) came.push((await heard.next()).payload.n)
  assert.deepEqual(came, sent)
})

test('A payload of bytes, and a large one', async () => {
  const topic = randomUUID()
  const { heard } = await joined(connect(), topic)
  const { channel } = await joined(connect(), topic)
  const bytes = Uint8Array.from([0, 1, 254, 255])
  const text = 'é'.repeat(40_000)

  await channel.send(message(bytes.buffer, 'bytes'))
  await channel.send(message({ text }, 'text'))

  assert.deepEqual(new Uint8Array((await heard.next()).payload), bytes)
  assert.equal((await heard.next()).payload.text, text)
})

for (const [from, to] of [
  ['1.0.0', '2.0.0'],
  ['2.0.0', '1.0.0'],
]) {
  test(`A client of protocol ${from} reaches one of ${to}`, async () => {
    const topic = randomUUID()
    const speaking = (vsn) => connect(publishableKey, { realtime: { vsn } })
    const { heard } = await joined(speaking(to), topic)
    const { channel } = await joined(speaking(from), topic)

    await channel.send(message({ from }))

    assert.deepEqual((await heard.next()).payload, { from })
  })
}

test('httpSend: a message without a subscription', async () => {
  const topic = randomUUID()
  const { heard } = await joined(connect(), topic)
  const sender = connect().channel(topic)

  const answer = await sender.httpSend('cursor-pos', { x: 2 })

  assert.deepEqual(answer, { success: true })
  const { event, payload } = await heard.next()
  assert.deepEqual({ event, payload }, { event: 'cursor-pos', payload: { x: 2 } })
})

test('httpSend: bytes', async () => {
  const topic = randomUUID()
  const { heard } = await joined(connect(), topic)

  await connect()
    .channel(topic)
    .httpSend('bytes', Uint8Array.from([7, 255]))

  assert.deepEqual(new Uint8Array((await heard.next()).payload), Uint8Array.from([7, 255]))
})

test('send before the subscription uses HTTP', async () => {
  const topic = randomUUID()
  const { heard } = await joined(connect(), topic)
  // A client with its own logger does not warn on the console.
  const quiet = connect(publishableKey, { realtime: { logger: () => {} } })

  assert.equal(await quiet.channel(topic).send(message({ x: 3 })), 'ok')

  assert.deepEqual((await heard.next()).payload, { x: 3 })
})

test('Broadcast by plain HTTP: several messages at once', async () => {
  const topic = randomUUID()
  const { heard } = await joined(connect(), topic)
  const messages = [1, 2].map((n) => ({ topic, event: 'cursor', payload: { n }, private: false }))

  const { status } = await fetch(`${url}/realtime/v1/api/broadcast`, {
    method: 'POST',
    headers: { apikey: publishableKey, 'Content-Type': 'application/json' },
    body: JSON.stringify({ messages }),
  })

  assert.equal(status, 202)
  assert.deepEqual((await heard.next()).payload, { n: 1 })
  assert.deepEqual((await heard.next()).payload, { n: 2 })
})

test('Broadcast from the database: realtime.send', async () => {
  const { client } = await shared('listener')
  const topic = `room:${randomUUID()}`
  const { heard } = await joined(client, topic, PRIVATE)

  const args = { topic, event: 'greeting', payload: { hello: 'world' } }
  unwrap(await service().rpc('send_broadcast', args))

  const { event, payload, meta } = await heard.next()
  const { hello, id } = payload
  assert.deepEqual([event, hello], ['greeting', 'world'])
  assert.deepEqual([typeof id, id], ['string', meta.id])
})

test('Broadcast from the database: realtime.broadcast_changes in a trigger', async () => {
  const { client } = await shared('listener')
  const [id, tasks] = [newId(), service()]
  const { heard } = await joined(client, `room:task:${id}`, PRIVATE)

  unwrap(await tasks.from('tasks').insert({ id, title: 'one' }))
  unwrap(await tasks.from('tasks').update({ title: 'two' }).eq('id', id))
  unwrap(await tasks.from('tasks').delete().eq('id', id))

  for (const [operation, record, old_record] of [
    ['INSERT', { id, title: 'one' }, null],
    ['UPDATE', { id, title: 'two' }, { id, title: 'one' }],
    ['DELETE', null, { id, title: 'two' }],
  ]) {
    const { event, payload } = await heard.next()
    assert.equal(event, operation)
    assert.deepEqual(
      [payload.operation, payload.schema, payload.table, payload.record, payload.old_record],
      [operation, 'public', 'tasks', record, old_record],
    )
  }
})

test('Broadcast replay: a private channel gets missed messages', async () => {
  const { client } = await shared('listener')
  const topic = `room:${randomUUID()}`
  const since = Date.now() - 60_000
  for (const n of [1, 2, 3]) {
    const args = { topic, event: 'step', payload: { n } }
    unwrap(await service().rpc('send_broadcast', args))
  }

  const broadcast = { replay: { since, limit: 2 } }
  const { heard } = await joined(client, topic, { ...PRIVATE, broadcast })

  for (const n of [2, 3]) {
    const { payload, meta } = await heard.next()
    assert.deepEqual([payload.n, meta.replayed], [n, true])
  }
})

test('replication_ready: the channel learns that replication has started', async () => {
  const inbox = new Inbox()
  const config = { broadcast: { replication_ready: true } }
  const channel = connect().channel(randomUUID(), { config })
  channel.on('system', {}, inbox.add)

  await subscribed(channel)

  const { extension, status, message: text } = await inbox.next()
  assert.deepEqual(
    [extension, status, text],
    ['system', 'ok', 'Replication connection established'],
  )
})
