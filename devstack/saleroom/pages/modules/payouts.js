// Payouts: a seller sets them up at Stripe once, and then gets a transfer for each released order.

import { api } from './api.js'
import { date } from './clock.js'
import { byId, element, onSubmit, parameter, show, write } from './dom.js'
import { dollars } from './money.js'
import { STATES } from './payout.js'
import { repeatUntil } from './repeat.js'

const HINTS = {
  returned: 'Payouts are not enabled yet. Stripe may still check what you sent.',
  expired: 'The link to Stripe has expired. Ask for a new one.',
}

/** Show the payouts, and wait for Stripe's word about a seller who comes back. */
export async function openPayouts() {
  onSubmit(byId('onboard'), async () => {
    const { url } = await api('POST', '/payouts/onboard')
    location.assign(url)
  })
  if (parameter('payouts') === 'returned') await repeatUntil(read)
  else await read()
}

/** Read and show the payouts; return true once Stripe may pay them. */
async function read() {
  const answer = await api('GET', '/payouts')
  const hint = HINTS[parameter('payouts')] ?? 'Payouts are not set up yet.'
  byId('payouts-state').className = answer.payouts_enabled ? 'standing good' : 'standing'
  write('payouts-state', answer.payouts_enabled ? 'Payouts are enabled.' : hint)
  show(!answer.payouts_enabled, 'onboard')
  show(answer.payouts.length > 0, 'money')
  write('paid', dollars(answer.paid_cents))
  write('pending', dollars(answer.pending_cents))
  byId('payout-rows').replaceChildren(...answer.payouts.map(line))
  return answer.payouts_enabled
}

function line(payout) {
  return element('li', {},
    element('a', { href: `/order?id=${payout.order_id}` },
      element('span', { class: 'line' }, element('strong', {}, dollars(payout.amount_cents)),
        element('span', {}, STATES[payout.status])),
      element('span', { class: 'muted small' }, date(payout.created_at))),
  )
}
