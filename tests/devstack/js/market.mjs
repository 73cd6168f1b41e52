// A sold listing with all rows that belong to it, and the people around it.
import { randomUUID } from 'node:crypto'
import { newId, person, service, unwrap } from './support.mjs'

export const BID = 1500

/** Insert a sale with its auction, bid, order, thread and dispute. */
export async function openMarket() {
  const [seller, buyer, otherUser] = await Promise.all([person(), person(), person()])
  const [listing, auction, thread] = [randomUUID(), randomUUID(), randomUUID()]
  const order = newId()
  const insert = async (table, row) => {
    const query = service().from(table).insert(row)
    return unwrap(await query.select().single())
  }
  await insert('listings', {
    id: listing,
    seller_id: seller.id,
    title: `Silver teapot ${order}`,
    location: { suburb: 'Carlton', postcode: '3053', state: 'VIC' },
    start_cents: 1000,
  })
  await insert('listing_photos', { listing_id: listing, url: 'https://photos.test/1.jpg' })
  await insert('auctions', {
    id: auction,
    listing_id: listing,
    current_price_cents: BID,
    min_next_bid_cents: BID + 100,
  })
  const bid = await insert('bids', { auction_id: auction, bidder_id: buyer.id, amount_cents: BID })
  const parties = { buyer_id: buyer.id, seller_id: seller.id }
  await insert('orders', {
    id: order,
    listing_id: listing,
    winning_bid_id: bid.id,
    amount_cents: BID,
    ...parties,
  })
  await insert('message_threads', { id: thread, listing_id: listing, order_id: order, ...parties })
  await insert('messages', { thread_id: thread, sender_id: seller.id, content: 'It is packed.' })
  await insert('notifications', { user_id: buyer.id, type: 'auction_won' })
  await insert('disputes', {
    order_id: order,
    initiator_id: buyer.id,
    respondent_id: seller.id,
  })
  return { seller, buyer, otherUser, listing, auction, thread, order }
}
