// https://supabase.com/docs/reference/javascript/removechannel and its neighbours, heartbeats and
// lost connections
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { connect, Inbox, newId, publishableKey, service, subscribed, unwrap } from '../support.mjs'

test('getChannels, removeChannel and removeAllChannels', async () => {
  const client = connect()
  const first = await subscribed(client.channel(randomUUID()))
  const second = await subscribed(client.channel(randomUUID()))
  assert.deepEqual(client.getChannels(), [first, second])

  assert.equal(await client.removeChannel(first), 'ok')
  assert.deepEqual(client.getChannels(), [second])
  assert.deepEqual(await client.removeAllChannels(), ['ok'])

  assert.deepEqual(client.getChannels(), [])
  assert.equal(client.realtime.isConnected(), false)
})

test('A removed channel can be created again', async () => {
  const client = connect()
  const topic = randomUUID()
  // A second channel keeps the connection open.
  await subscribed(client.channel(randomUUID()))
  await client.removeChannel(await subscribed(client.channel(topic)))

  const heard = new Inbox()
  const again = client.channel(topic)
  again.on('broadcast', { event: 'said' }, heard.add)
  await subscribed(again)
  await connect().channel(topic).httpSend('said', { n: 1 })

  assert.deepEqual((await heard.next()).payload, { n: 1 })
})

test('A heartbeat is answered', async () => {
  const beats = new Inbox()
  const client = connect()
  client.realtime.onHeartbeat((status) => beats.add(status))
  await subscribed(client.channel(randomUUID()))

  await client.realtime.sendHeartbeat()

  await beats.next((status) => status === 'ok', 'the answer to a heartbeat')
})

test('A lost connection is restored with its channels', async () => {
  const sockets = []
  class Noted extends WebSocket {
    constructor(...args) {
      super(...args)
      sockets.push(this)
    }
  }
  const realtime = { transport: Noted, reconnectAfterMs: () => 10 }
  const client = connect(publishableKey, { realtime })
  const [states, heard] = [new Inbox(), new Inbox()]
  const id = newId()
  const channel = client.channel(randomUUID())
  const binding = { event: '*', schema: 'public', table: 'notes', filter: `id=eq.${id}` }
  channel.on('postgres_changes', binding, heard.add)
  await subscribed(channel, states)

  sockets[0].close()

  await states.next(({ status }) => status === 'CHANNEL_ERROR', 'the loss')
  await states.next(({ status }) => status === 'SUBSCRIBED', 'the return')
  unwrap(await service().from('notes').insert({ id, body: 'after' }))
  assert.equal((await heard.next()).new.body, 'after')
})

test('An unknown key opens no connection', async () => {
  const closed = new Inbox()
  class Noted extends WebSocket {
    constructor(...args) {
      super(...args)
      this.addEventListener('error', () => closed.add('error'))
    }
  }
  const realtime = { transport: Noted, reconnectAfterMs: () => 60_000 }
  const client = connect('sb_publishable_of_somebody_else', { realtime })

  client.channel(randomUUID()).subscribe()

  assert.equal(await closed.next(), 'error')
})
