// The card of a listing, whose price and time change in place.

import { timeLabel } from './auction-state.js'
import { remaining } from './clock.js'
import { element } from './dom.js'
import { dollars } from './money.js'
import { inOrder, picture } from './photos.js'

/** Build a card; return its element and ids, and functions that show a new row and the time left. */
export function listingCard(listing) {
  let [auction] = listing.auctions
  const price = element('span', { class: 'price' })
  const time = element('span', { class: 'time' })
  const bids = element('span', { class: 'muted' })
  const [photo] = inOrder(listing.listing_photos)
  const root = element(
    'li',
    { class: 'card' },
    element('a', { href: `/listing?id=${listing.id}` },
      element('div', { class: 'frame' }, picture(photo, listing.title)),
      element('h3', {}, listing.title),
      element('div', { class: 'line' }, price, bids),
      element('div', { class: 'line' }, time,
        element('span', { class: 'muted' }, `${listing.location.suburb} ${listing.location.state}`)),
    ),
  )

  function tick() {
    const ms = remaining(auction.end_at)
    time.textContent = timeLabel(auction.status, ms)
    time.classList.toggle('soon', auction.status === 'live' && ms > 0 && ms <= 300_000)
  }

  function update(row) {
    if (row.version < auction.version) return
    auction = row
    price.textContent = dollars(row.current_price_cents)
    bids.textContent = row.bid_count === 1 ? '1 bid' : `${row.bid_count} bids`
    tick()
  }

  update(auction)
  return { root, key: listing.id, auctionId: auction.id, photos: listing.listing_photos.length, update, tick }
}
