// The seller's part of an order, from its release to Stripe's transfer.

import { api } from './api.js'
import { show, write } from './dom.js'
import { dollars } from './money.js'
import { repeatUntil } from './repeat.js'

/** The words for the states of a payout. */
export const STATES = {
  queued: 'On its way',
  paid: 'Paid',
  reversed: 'Taken back',
  canceled: 'Not paid',
  dead: 'Stuck: staff look into it',
}

let isFollowed = false

/** Follow the payout of a released order until it is paid. */
export function followPayout(order) {
  if (isFollowed) return
  isFollowed = true
  show(true, 'payout')
  write('payout-amount', dollars(order.seller_amount_cents))
  write('fee', `The market's fee is ${dollars(order.platform_fee_cents)}.`)
  repeatUntil(async () => {
    const { payouts, payouts_enabled: isEnabled } = await api('GET', '/payouts')
    const payout = payouts.find(({ order_id: id }) => id === order.id)
    const isWaiting = !isEnabled && payout?.status !== 'paid'
    write('payout-state', isWaiting ? 'Waits until you have set up payouts' : STATES[payout?.status ?? 'queued'])
    show(isWaiting, 'onboard')
    return payout && payout.status !== 'queued'
  })
}
