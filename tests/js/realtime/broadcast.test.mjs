// https://supabase.com/docs/guides/realtime/broadcast
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { connect, Inbox, subscribed } from '../support.mjs'

test('A message reaches the others on the topic', async (t) => {
  const topic = randomUUID()
  const heard = new Inbox()
  const listener = connect(t).channel(topic)
  listener.on('broadcast', { event: 'cursor' }, heard.add)
  await subscribed(listener)
  const sender = await subscribed(connect(t).channel(topic))

  assert.equal(await sender.send({ type: 'broadcast', event: 'cursor', payload: { x: 1 } }), 'ok')

  const message = await heard.next()
  assert.equal(message.event, 'cursor')
  assert.deepEqual(message.payload, { x: 1 })
})
