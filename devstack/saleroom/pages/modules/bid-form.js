// Bid on an auction, with a secret maximum up to which the market bids.

import { byId, element, onSubmit, show, write } from './dom.js'
import { cents, dollars, plain } from './money.js'
import { call, Refusal } from './rpc.js'
import { signInAddress } from './session.js'

/** The code of the refusal after which the same request may be sent again. */
const BUSY = 'AUCTION_BUSY'
/** The wait before the bidder's maximum is read again. */
const READ_AGAIN_MS = 2000

/** Open the form; return the function that shows a new state of the auction. */
export function openBidForm(auction, listing, user) {
  const isSeller = user?.id === listing.seller_id
  let maximum = null
  let bidId = null
  let suggested = ''
  let receiptVersion = 0

  /** Read the bidder's maximum, which nobody else can read; without an answer, read it again later. */
  async function readMaximum() {
    if (!user || isSeller) return
    try {
      maximum = await call('get_my_proxy', { auction_id: auction.state.id })
      showStanding(auction.state)
    } catch {
      setTimeout(readMaximum, READ_AGAIN_MS)
    }
  }

  function showState(state) {
    if (state.version > receiptVersion) write('receipt', '')
    const isOpen = state.status === 'live'
    show(Boolean(user) && !isSeller && isOpen, 'bid')
    write('minimum', dollars(state.min_next_bid_cents))
    suggest(plain(state.min_next_bid_cents))
    showStanding(state)
    showHint(isOpen)
  }

  /** Fill in the lowest bid, unless the person has written another one. */
  function suggest(amount) {
    const input = byId('amount')
    if (input.value === suggested && document.activeElement !== input) input.value = amount
    if (input.value === amount) suggested = amount
  }

  /** Tell a bidder who leads, and the winner how to pay. */
  function showStanding(state) {
    const leads = user && state.high_bidder_id === user.id
    const [kind, text] = standing(state.status, leads, maximum !== null)
    byId('standing').className = `standing ${kind}`
    byId('standing').replaceChildren(text)
    if (leads && state.status === 'finalized') {
      byId('standing').append(' ', element('a', { href: '/orders' }, 'Go to your order'))
    }
    show(Boolean(text), 'standing')
  }

  function showHint(isOpen) {
    byId('hint').replaceChildren()
    if (isSeller) byId('hint').append('This is your own listing.')
    else if (!user && isOpen) {
      byId('hint').append(element('a', { href: signInAddress(), class: 'button wide' }, 'Sign in to bid'))
    }
    show(byId('hint').hasChildNodes(), 'hint')
  }

  /** Send the bid. The key stays the same until an answer has come, so a bid counts once. */
  async function bid(amountCents, maximumCents) {
    bidId ??= crypto.randomUUID()
    try {
      const receipt = await call('place_bid', {
        auction_id: auction.state.id,
        amount_cents: amountCents,
        max_proxy_cents: maximumCents,
        client_bid_id: bidId,
      })
      bidId = null
      return receipt
    } catch (error) {
      if (error instanceof Refusal && error.code !== BUSY) bidId = null
      throw error
    }
  }

  onSubmit(byId('bid'), async ({ amount, maximum: most }) => {
    write('receipt', '')
    const receipt = await bid(cents(amount), cents(most))
    // A repeated receipt is that of the first call, so its values and its time may be old.
    if (receipt.idempotent) await auction.read()
    else auction.applyTimed(state(receipt, user))
    receiptVersion = receipt.version
    byId('maximum').value = ''
    suggested = plain(auction.state.min_next_bid_cents)
    byId('amount').value = suggested
    await readMaximum()
    const isOld = receipt.version < auction.state.version
    write('receipt', isOld ? 'Your bid has counted.' : summary(receipt, maximum))
  })
  for (const id of ['amount', 'maximum']) {
    byId(id).addEventListener('input', () => {
      bidId = null
    })
  }
  readMaximum()
  return showState
}

/** Return the values of the auction that a receipt contains. */
function state(receipt, user) {
  const { current_price_cents, min_next_bid_cents, reserve_met, end_at, server_time, version } = receipt
  const leader = receipt.is_leading ? { high_bidder_id: user.id } : {}
  return { current_price_cents, min_next_bid_cents, reserve_met, end_at, server_time, version, ...leader }
}

function standing(status, leads, hasBid) {
  if (status === 'finalized' && leads) return ['good', 'You have won.']
  if (status === 'finalized' && hasBid) return ['', 'Another bidder has won.']
  if (status === 'live' && leads) return ['good', 'You lead.']
  if (status === 'live' && hasBid) return ['bad', 'You have been outbid.']
  return ['', '']
}

function summary(receipt, maximum) {
  const secret = maximum ? ` Your maximum is ${dollars(maximum.max_cents)}.` : ''
  const longer = receipt.extension_seconds > 0 ? ' Your late bid moved the end.' : ''
  return receipt.is_leading
    ? `Your bid leads at ${dollars(receipt.current_price_cents)}.${secret}${longer}`
    : `Another bidder's maximum is higher: the price is ${dollars(receipt.current_price_cents)}.${longer}`
}
