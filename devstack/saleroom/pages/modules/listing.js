// The page of a listing. It reads the listing once; the auction is live.

import { LiveAuction } from './auction.js'
import { RESULTS, timeLabel } from './auction-state.js'
import { showBids } from './bid-history.js'
import { openBidForm } from './bid-form.js'
import { supabase } from './client.js'
import { date, everyTick, remaining, timeOfDay } from './clock.js'
import { byId, element, parameter, show, write } from './dom.js'
import { openTool } from './end-soon.js'
import { dollars } from './money.js'
import { openPage } from './page.js'
import { inOrder, picture } from './photos.js'
import { openQuestion } from './question.js'

const AUCTION =
  'id,status,start_at,end_at,current_price_cents,min_next_bid_cents,bid_count,high_bidder_id,reserve_met,version'
const SELLER = 'public_profiles!listings_seller_id_fkey(id,display_name,kyc_passed,member_since)'
const CONDITIONS = { new: 'New', like_new: 'Like new', good: 'Good', fair: 'Fair', parts: 'For parts' }

const TIME_LABELS = { scheduled: 'Starts in', live: 'Time left' }

const user = await openPage()
const { data: listing } = await supabase
  .from('listings')
  .select(`*, auctions(${AUCTION}), listing_photos(url,order_idx), seller:${SELLER}`)
  .eq('id', parameter('id'))
  .maybeSingle()
if (listing) open()
else {
  write('missing', 'There is no such listing.')
  show(true, 'missing')
}

function open() {
  showListing()
  const auction = new LiveAuction(listing.auctions[0], showState, () => showBids(auction.state.id, user))
  auction.onConnection = showConnection
  const showBidForm = openBidForm(auction, listing, user)
  openQuestion(listing, user)
  openTool(auction)
  auction.follow()
  everyTick(showTime)

  /** Show the price, the leader and the end; `before` is the state that was shown last. */
  function showState(state, before = state) {
    write('price', dollars(state.current_price_cents))
    write('price-label', priceLabel(state))
    show(state.status === 'live', 'tool', 'reserve')
    write('reserve', state.reserve_met ? 'The reserve is met.' : 'The reserve is not met yet.')
    write('ends', `${RESULTS[state.status] ? 'Ended' : 'Ends'} ${date(state.end_at)}`)
    showExtension(state, before)
    showBidForm(state)
    showTime()
    if (state.current_price_cents !== before.current_price_cents) {
      write('said', `The price is now ${dollars(state.current_price_cents)}.`)
      byId('price').classList.add('changed')
      setTimeout(() => byId('price').classList.remove('changed'), 1200)
    }
  }

  function showExtension(state, before) {
    if (state.status !== 'live') show(false, 'extended')
    if (state.status !== 'live' || Date.parse(state.end_at) <= Date.parse(before.end_at)) return
    write('extended', `A late bid moved the end to ${timeOfDay(state.end_at)}.`)
    show(true, 'extended')
  }

  function showTime() {
    const { status, end_at: endAt, start_at: startAt } = auction.state
    const ms = remaining(status === 'scheduled' ? startAt : endAt)
    write('time-label', TIME_LABELS[status] ?? 'Result')
    write('time', timeLabel(status, ms))
    byId('time').classList.toggle('soon', status === 'live' && ms <= 300_000)
  }

  showState(auction.state)
}

function priceLabel({ status, bid_count: count }) {
  if (status === 'finalized') return 'Sold for'
  return count ? 'Current bid' : 'Starting price'
}

function showListing() {
  document.title = `${listing.title} – Aussie Market`
  const photos = inOrder(listing.listing_photos)
  byId('photos').append(
    ...(photos.length ? photos : [null]).map((photo) =>
      element('div', { class: 'frame' }, picture(photo, listing.title)),
    ),
  )
  write('title', listing.title)
  const { suburb, state, postcode } = listing.location
  const delivery = [listing.pickup && 'pickup', listing.shipping && 'shipping'].filter(Boolean)
  write(
    'facts',
    `${CONDITIONS[listing.condition]} · sold by ${listing.seller?.display_name} · ` +
      `${suburb} ${state} ${postcode} · ${delivery.join(' or ')}`,
  )
  write('description', listing.description)
  show(true, 'listing')
}

function showConnection(isLive) {
  write('connection', isLive ? 'Live: changes show at once.' : 'Not connected. Trying again …')
  byId('connection').classList.toggle('live', isLive)
}
