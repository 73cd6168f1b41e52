// The listings that are on sale, with live prices and ends.

import { card } from './card.js'
import { supabase } from './client.js'
import { everyTick } from './clock.js'
import { byId, onSubmit, show, write } from './dom.js'
import { openPage } from './page.js'
import { rows } from './rpc.js'

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

let shown = []
let channel = null

/** Read the live listings, searched by an index if there is a text. */
async function load() {
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
  shown = data.map(card)
  byId('listings').replaceChildren(...shown.map(({ root }) => root))
  write('count', count === 1 ? '1 listing is live.' : `${count} listings are live.`)
  await follow()
}

/** Read the listings that ended last. */
async function loadEnded() {
  const ended = await rows(
    supabase
      .from('listings')
      .select(FIELDS)
      .eq('status', 'ended')
      .order('end_at', { ascending: false })
      .range(0, 5),
  )
  byId('ended').replaceChildren(...ended.map((listing) => card(listing).root))
  show(ended.length > 0, 'past')
}

/** Subscribe to the auctions of the shown cards, and to new ones. */
async function follow() {
  if (channel) await supabase.removeChannel(channel)
  const auctions = { schema: 'public', table: 'auctions' }
  const filter = `id=in.(${shown.map(({ auctionId }) => auctionId).join(',')})`
  channel = supabase.channel('saleroom', { config: { private: true } })
  channel.on('postgres_changes', { ...auctions, event: 'INSERT' }, reload)
  if (shown.length) {
    channel.on('postgres_changes', { ...auctions, event: 'UPDATE', filter }, ({ new: row }) => {
      shown.find(({ auctionId }) => auctionId === row.id)?.update(row)
      if (!['live', 'scheduled'].includes(row.status)) loadEnded()
    })
  }
  channel.subscribe()
}

function reload() {
  return Promise.all([load(), loadEnded()])
}

await openPage()
onSubmit(byId('search'), load)
byId('order').addEventListener('change', load)
// Photos arrive after their listing. A person who comes back to the window sees them all.
document.addEventListener('visibilitychange', () => document.hidden || reload())
await reload()
everyTick(() => shown.forEach((one) => one.tick()))
