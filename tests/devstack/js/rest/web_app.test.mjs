// Every query of the web app, by an anonymous visitor, by a party and by another user.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { openMarket } from '../market.mjs'
import { connect } from '../support.mjs'

const EVERYBODY = { anon: 1, buyer: 1, otherUser: 1 }
const PARTIES = { anon: 0, buyer: 1, otherUser: 0 }
const PHOTOS = 'listing_photos(id,url,order_idx)'
const THREAD =
  `*, buyer:${profile('message_threads_buyer_id_fkey')}, ` +
  `seller:${profile('message_threads_seller_id_fkey')}, ` +
  'order:orders(id, listing:listings(title, listing_photos(url,order_idx)))'

/** Return the embed by which the web app asks for another user. */
function profile(foreignKey) {
  return `public_profiles!${foreignKey}(id,display_name,kyc_passed,member_since)`
}

// Page: table, select string, filters, what is embedded (an array or an object), rows by reader.
const PAGES = {
  home: [
    'listings',
    `*, auctions(id,current_price_cents,status,end_at), ${PHOTOS}`,
    (q, market) => q.eq('id', market.listing),
    { auctions: [], listing_photos: [] },
    EVERYBODY,
  ],
  listing: [
    'listings',
    `*, ${profile('listings_seller_id_fkey')}`,
    (q, market) => q.eq('id', market.listing),
    { public_profiles: {} },
    EVERYBODY,
  ],
  marketplace: [
    'listings',
    `*, ${profile('listings_seller_id_fkey')}, ${PHOTOS}`,
    (q, market) =>
      q
        .eq('seller_id', market.seller.id)
        .eq('status', 'live')
        .or('title.ilike.%teapot%,description.ilike.%teapot%')
        .eq('category_id', 1)
        .eq('location->>state', 'VIC')
        .eq('condition', 'good')
        .gte('start_cents', 100)
        .lte('start_cents', 5000)
        .order('end_at', { ascending: true })
        .range(0, 11),
    { public_profiles: {}, listing_photos: [] },
    EVERYBODY,
  ],
  'new message': [
    'listings',
    'id,title,description,listing_photos(url,order_idx)',
    (q, market) => q.eq('id', market.listing),
    { listing_photos: [] },
    EVERYBODY,
  ],
  'live auction': [
    'auctions',
    '*, listings!inner(end_at), bids(id,bidder_id,amount_cents,max_proxy_cents,placed_at,accepted)',
    (q, market) => q.eq('id', market.auction),
    { listings: {}, bids: [] },
    EVERYBODY,
  ],
  'minimum bid of an auction': [
    'auctions',
    '*, listings!inner(start_cents)',
    (q, market) => q.eq('id', market.auction),
    { listings: {} },
    EVERYBODY,
  ],
  'admin finalize': [
    'auctions',
    'id,listing_id,status,high_bid_id,listings!inner(id,title,seller_id,end_at)',
    (q, market) => q.eq('id', market.auction),
    { listings: {} },
    EVERYBODY,
  ],
  'bid history': [
    'bids',
    `*, ${profile('bids_bidder_id_fkey')}`,
    (q, market) =>
      q.eq('auction_id', market.auction).order('placed_at', { ascending: false }).limit(50),
    { public_profiles: {} },
    EVERYBODY,
  ],
  'my bids': [
    'bids',
    '*, auctions!inner(id,listing_id,listings!inner(id,title,end_at,status))',
    (q, market) => q.eq('bidder_id', market.buyer.id),
    { auctions: {}, 'auctions.listings': {} },
    EVERYBODY,
  ],
  account: [
    'bids',
    '*, auctions!inner(id,listing_id,status,current_price_cents, ' +
      'listings!inner(id,title,end_at,status, listing_photos(url,order_idx)))',
    (q, market) => q.eq('bidder_id', market.buyer.id),
    { auctions: {}, 'auctions.listings': {}, 'auctions.listings.listing_photos': [] },
    EVERYBODY,
  ],
  'no auction of no listing': [
    'auctions',
    'id',
    (q) => q.or('listing_id.in.()'),
    {},
    { anon: 0, buyer: 0, otherUser: 0 },
  ],
  orders: [
    'orders',
    `*, listings(id,title,description,${PHOTOS}), ` +
      `buyer:${profile('orders_buyer_id_fkey')}, seller:${profile('orders_seller_id_fkey')}`,
    (q, market) =>
      q
        .or(`buyer_id.eq.${market.buyer.id},seller_id.eq.${market.buyer.id}`)
        .order('created_at', { ascending: false }),
    { listings: {}, 'listings.listing_photos': [], buyer: {}, seller: {} },
    PARTIES,
  ],
  inbox: [
    'message_threads',
    THREAD,
    (q, market) => q.eq('id', market.thread).order('last_message_at', { ascending: false }),
    {
      buyer: {},
      seller: {},
      order: {},
      'order.listing': {},
      'order.listing.listing_photos': [],
    },
    PARTIES,
  ],
  'inbox of the account': [
    'message_threads',
    `${THREAD}, messages(id,content,created_at,sender_id)`,
    (q, market) => q.eq('id', market.thread),
    { messages: [], order: {} },
    PARTIES,
  ],
  thread: [
    'messages',
    `*, sender:${profile('messages_sender_id_fkey')}`,
    (q, market) => q.eq('thread_id', market.thread).order('created_at', { ascending: true }),
    { sender: {} },
    PARTIES,
  ],
  bell: [
    'notifications',
    '*',
    (q, market) => q.eq('user_id', market.buyer.id).order('created_at', { ascending: false }),
    {},
    PARTIES,
  ],
  disputes: [
    'disputes',
    '*, order:orders!disputes_order_id_fkey(id, listing:listings(title,' +
      'listing_photos(url,order_idx))), ' +
      `initiator:${profile('disputes_initiator_id_fkey')}, ` +
      `respondent:${profile('disputes_respondent_id_fkey')}`,
    (q, market) => q.eq('order_id', market.order),
    { order: {}, 'order.listing': {}, initiator: {}, respondent: {} },
    PARTIES,
  ],
  'disputes of the staff': [
    'disputes',
    '*, orders!inner(id,buyer_id,seller_id)',
    (q, market) => q.eq('order_id', market.order).limit(100),
    { orders: {} },
    PARTIES,
  ],
  'own account': ['users', '*', (q, market) => q.eq('id', market.buyer.id), {}, PARTIES],
}

let market
const readers = {}

before(async () => {
  market = await openMarket()
  Object.assign(readers, {
    anon: connect(),
    buyer: market.buyer.client,
    otherUser: market.otherUser.client,
  })
})

/** Return the value at a path, through objects and arrays. */
function at(rows, path) {
  return path.split('.').reduce((values, name) => values.flat().map((value) => value[name]), rows)
}

for (const [page, [table, select, filtered, forms, reads]] of Object.entries(PAGES)) {
  test(`The page ${page}`, async () => {
    for (const [reader, count] of Object.entries(reads)) {
      const { data, error } = await filtered(readers[reader].from(table).select(select), market)

      assert.equal(error, null)
      assert.equal(data.length, count, `rows for ${reader}`)
      for (const [path, form] of count ? Object.entries(forms) : []) {
        for (const value of at(data, path)) {
          assert.equal(Array.isArray(value), Array.isArray(form), `${path} for ${reader}`)
          assert.equal(typeof value, 'object', `${path} for ${reader}`)
          assert.notEqual(value, null, `${path} for ${reader}`)
        }
      }
    }
  })
}

test('An auction of a listing is one object by single()', async () => {
  const { data } = await readers.anon
    .from('auctions')
    .select('*')
    .eq('listing_id', market.listing)
    .single()

  assert.equal(data.id, market.auction)
})

test('The minimum bid is the highest one', async () => {
  const { data } = await readers.anon
    .from('bids')
    .select('amount_cents')
    .eq('auction_id', market.auction)
    .order('amount_cents', { ascending: false })
    .limit(1)

  assert.deepEqual(data, [{ amount_cents: 1500 }])
})

test('Another user in the table users is null and no error', async () => {
  const { data, error } = await readers.anon
    .from('listings')
    .select('id, users!listings_seller_id_fkey(id,legal_name,email)')
    .eq('id', market.listing)
    .single()

  assert.deepEqual({ data, error }, { data: { id: market.listing, users: null }, error: null })
})

test("The view shows another user's display name", async () => {
  const { data } = await readers.otherUser
    .from('public_profiles')
    .select('id,display_name,kyc_passed,member_since')
    .eq('id', market.seller.id)
    .single()

  assert.equal(data.display_name, market.seller.email.split('@')[0])
  assert.equal(data.kyc_passed, false)
})

test('The badge counts without a body, and a read notification lowers it', async () => {
  const unread = async () => {
    const { count } = await readers.buyer
      .from('notifications')
      .select('*', { count: 'exact', head: true })
      .eq('read', false)
    return count
  }
  assert.equal(await unread(), 1)

  const { count, status } = await readers.buyer
    .from('notifications')
    .update({ read: true }, { count: 'exact' })
    .eq('user_id', market.buyer.id)

  assert.deepEqual({ count, status }, { count: 1, status: 204 })
  assert.equal(await unread(), 0)
})

test('A column without an update grant', async () => {
  const { error, status } = await readers.buyer
    .from('notifications')
    .update({ type: 'outbid' })
    .eq('user_id', market.buyer.id)

  assert.deepEqual([status, error.code], [403, '42501'])
})

test('Only the recipient marks a message as read', async () => {
  const mark = (reader, me) =>
    reader
      .from('messages')
      .update({ read_at: new Date().toISOString() }, { count: 'exact' })
      .eq('thread_id', market.thread)
      .neq('sender_id', me)
      .is('read_at', null)

  const bySender = await mark(market.seller.client, market.seller.id)
  const byOtherUser = await mark(market.otherUser.client, market.otherUser.id)
  const byRecipient = await mark(market.buyer.client, market.buyer.id)

  assert.deepEqual([bySender.count, byOtherUser.count, byRecipient.count], [0, 0, 1])
})

test('A low bid is an answer and no error', async () => {
  const { data, error } = await readers.otherUser.rpc('place_bid', {
    auction_id: market.auction,
    amount_cents: 1550,
  })

  assert.equal(error, null)
  assert.deepEqual(data, {
    success: false,
    code: 'BID_TOO_LOW',
    error: 'Minimum bid is $16.00',
    minimum_bid_cents: 1600,
  })
})

test('An anonymous visitor cannot bid', async () => {
  const { error, status } = await readers.anon.rpc('place_bid', {
    auction_id: market.auction,
    amount_cents: 5000,
  })

  assert.deepEqual([status, error.code], [401, '42501'])
})
