// Each channel of the web app delivers to its owner alone.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { openMarket } from '../market.mjs'
import { connect, Inbox, service, subscribed, unwrap } from '../support.mjs'

let market
before(async () => {
  market = await openMarket()
})

/** Subscribe as the web app does; return the received changes. */
async function listening(client, name, ...bindings) {
  const heard = new Inbox()
  const channel = client.channel(name)
  for (const binding of bindings) {
    channel.on('postgres_changes', { schema: 'public', ...binding }, heard.add)
  }
  await subscribed(channel)
  return heard
}

test('auction-{id}: a bid reaches a visitor, with the new price and version', async () => {
  const id = market.auction
  const bindings = [
    { event: '*', table: 'bids', filter: `auction_id=eq.${id}` },
    { event: '*', table: 'auctions', filter: `id=eq.${id}` },
  ]
  const heard = await listening(connect(), `auction-${id}`, ...bindings)

  const receipt = unwrap(
    await market.buyer.client.rpc('place_bid', { auction_id: id, amount_cents: 2000 }),
  )

  assert.equal(receipt.success, true)
  const bid = await heard.next()
  assert.deepEqual(
    [bid.eventType, bid.table, bid.new.id, bid.new.bidder_id, bid.new.amount_cents],
    ['INSERT', 'bids', receipt.bid_id, market.buyer.id, 2000],
  )
  const auction = await heard.next()
  assert.deepEqual(
    [auction.eventType, auction.new.current_price_cents, auction.new.min_next_bid_cents],
    ['UPDATE', 2000, 2100],
  )
  assert.deepEqual([auction.new.version, auction.new.high_bidder_id], [2, market.buyer.id])
  assert.deepEqual(auction.old, { id })
})

test('auction:{id}: everybody gets the remaining time from the service alone', async () => {
  const topic = `auction:${market.auction}`
  const config = { private: true }
  const heard = new Inbox()
  const watcher = connect().channel(topic, { config })
  watcher.on('broadcast', { event: 'time_remaining' }, heard.add)
  await subscribed(watcher)
  const speaker = await subscribed(market.buyer.client.channel(topic, { config }))

  await speaker.send({ type: 'broadcast', event: 'time_remaining', payload: { forged: true } })
  unwrap(await service().rpc('broadcast_time_remaining', { auction_id: market.auction }))

  const { payload } = await heard.next()
  assert.equal(payload.auction_id, market.auction)
  assert.equal(typeof payload.time_remaining, 'number')
})

test('The channels of one user send nothing to another', async () => {
  const { buyer, seller, otherUser, auction, order, thread } = market
  const bindings = [
    { event: 'UPDATE', table: 'orders', filter: `id=eq.${order}` },
    { event: 'INSERT', table: 'notifications', filter: `user_id=eq.${buyer.id}` },
    { event: 'INSERT', table: 'messages', filter: `thread_id=eq.${thread}` },
    { event: 'UPDATE', table: 'messages', filter: `thread_id=eq.${thread}` },
    { event: '*', table: 'message_threads', filter: `buyer_id=eq.${buyer.id}` },
    { event: 'UPDATE', table: 'disputes', filter: `order_id=eq.${order}` },
    // Both get this row, so all earlier changes have arrived by then.
    { event: 'UPDATE', table: 'auctions', filter: `id=eq.${auction}` },
  ]
  const heard = {}
  for (const [name, { client }] of Object.entries({ buyer, seller, otherUser })) {
    heard[name] = await listening(client, `all-of-${name}`, ...bindings)
  }
  const change = async (table, query) => unwrap(await query(service().from(table)))
  const changesSoFar = async () => {
    await change('auctions', (q) => q.update({ status: 'live' }).eq('id', auction))
    const all = { buyer: [], seller: [], otherUser: [] }
    for (const [name, changes] of Object.entries(all)) {
      for (;;) {
        const { eventType, table } = await heard[name].next()
        if (table === 'auctions') break
        changes.push(`${eventType} ${table}`)
      }
    }
    return all
  }

  await change('orders', (q) => q.update({ state: 'paid' }).eq('id', order))
  await change('notifications', (q) => q.insert({ user_id: buyer.id, type: 'order_paid' }))
  const message = { thread_id: thread, sender_id: seller.id, content: 'Sent.', delivery: 'held' }
  await change('messages', (q) => q.insert(message))
  const first = await changesSoFar()
  await change('messages', (q) =>
    q.update({ delivery: 'delivered' }).eq('thread_id', thread).eq('delivery', 'held'),
  )
  await change('message_threads', (q) => q.update({ subject: 'Teapot' }).eq('id', thread))
  await change('disputes', (q) => q.update({ state: 'review' }).eq('order_id', order))
  const second = await changesSoFar()

  assert.deepEqual(first, {
    buyer: ['UPDATE orders', 'INSERT notifications'],
    seller: ['UPDATE orders', 'INSERT messages'],
    otherUser: [],
  })
  const shared = ['UPDATE messages', 'UPDATE message_threads', 'UPDATE disputes']
  assert.deepEqual(second, { buyer: shared, seller: shared, otherUser: [] })
})
