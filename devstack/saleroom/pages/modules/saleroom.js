// The listings that are on sale, with live prices and ends.

import { listingCard } from './listing-card.js'
import { followListingCards } from './listing-card-channels.js'
import { supabase } from './client.js'
import { everyTick, setServerTime } from './clock.js'
import { byId, onSubmit, show, write } from './dom.js'
import { openPage } from './page.js'
import { call, rows } from './rpc.js'

const FIELDS =
  'id,title,start_cents,end_at,location,' +
  'auctions(id,status,current_price_cents,bid_count,reserve_met,end_at,version),' +
  'listing_photos(url,order_idx)'
const PAGE = 24
const ORDERS = {
  ending_soon: ['end_at', true],
  newest: ['created_at', false],
  price_low: ['start_cents', true],
}
/** Realtime has no channel for new listings, so the page reads the list again after this time. */
const READ_AGAIN_MS = 10_000

/** The cards of the page, which stay in place while their listing is shown. */
const cards = { listings: [], ended: [] }

/** Read the live listings, searched by an index if there is a text. */
async function loadLive() {
  const { text, order } = Object.fromEntries(new FormData(byId('search')))
  const [column, ascending] = ORDERS[order]
  const from = text
    ? supabase.rpc('search_listings', { search: text, listing_status: 'live' }, { count: 'exact' })
    : supabase.from('listings')
  const { data, count, error } = await from
    .select(FIELDS, { count: 'exact' })
    .eq('status', 'live')
    .order(column, { ascending })
    .range(0, PAGE - 1)
  if (error) throw new Error(error.message)
  showCards('listings', data)
  write('count', count === 1 ? '1 listing is live.' : `${count} listings are live.`)
  followListingCards(cards.listings, load)
  await readTime()
}

/** Take the server's time from the state of one auction; each card counts down by it. */
async function readTime() {
  const [first] = cards.listings
  if (!first) return
  const { server_time: serverTime } = await call('get_time_remaining', { auction_id: first.auctionId })
  setServerTime(serverTime)
}

/** Read the listings that ended last. */
async function loadEnded() {
  const ended = supabase.from('listings').select(FIELDS).eq('status', 'ended')
  showCards('ended', await rows(ended.order('end_at', { ascending: false }).range(0, 5)))
  show(cards.ended.length > 0, 'past')
}

/** Show a card for each listing. Cards that stay are the same elements, so the focus stays too. */
function showCards(id, listings) {
  const before = cards[id]
  const next = listings.map((listing) => {
    const photos = listing.listing_photos.length
    const known = before.find((one) => one.key === listing.id && one.photos === photos)
    known?.update(listing.auctions[0])
    return known ?? listingCard(listing)
  })
  cards[id] = next
  const isSame = next.length === before.length && next.every((one, index) => one === before[index])
  if (!isSame) byId(id).replaceChildren(...next.map(({ root }) => root))
}

async function load() {
  try {
    await Promise.all([loadLive(), loadEnded()])
  } catch (error) {
    write('count', `The listings cannot be read: ${error.message}`)
  }
}

await openPage()
onSubmit(byId('search'), loadLive)
byId('order').addEventListener('change', loadLive)
await load()
setInterval(() => document.hidden || load(), READ_AGAIN_MS)
document.addEventListener('visibilitychange', () => document.hidden || load())
everyTick(() => cards.listings.forEach((one) => one.tick()))
