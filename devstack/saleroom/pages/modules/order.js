// The page of an order for both parties: pay, hand over, release, with the state live.

import { api } from './api.js'
import { join, privateChannel } from './channel.js'
import { supabase } from './client.js'
import { date } from './clock.js'
import { byId, element, onSubmit, parameter, show, write } from './dom.js'
import { dollars } from './money.js'
import { actions, advice } from './order-actions.js'
import { stateLabel } from './order-state.js'
import { openPage } from './page.js'
import { openParcel, showParcel } from './parcel.js'
import { finishPayment, pay } from './payment.js'
import { followPayout } from './payout.js'
import { openPickup } from './pickup.js'
import { openReport, showDisputes } from './report.js'
import { rows } from './rpc.js'
import { requireUser } from './session.js'

const STEPS = {
  created_at: 'Won',
  paid_at: 'Paid',
  ready_at: 'Ready for handover',
  shipped_at: 'Shipped',
  delivered_at: 'Delivered',
  released_at: 'Money released',
  refunded_at: 'Refunded',
  cancelled_at: 'Cancelled',
}

await openPage()
const user = await requireUser()
const id = parameter('id')
let order = await api('GET', `/orders/${id}`).catch((error) => {
  write('missing', error.message)
  show(true, 'missing')
})
if (order) await open()

async function open() {
  const party = order.buyer_id === user.id ? 'buyer' : 'seller'
  const [offer] = await rows(
    supabase.from('listings').select('pickup,shipping').eq('id', order.listing_id),
  )

  /** Read the order again: it has more than its row, such as the address after the payment. */
  async function load() {
    const read = await api('GET', `/orders/${id}`)
    if (read.version < order.version) return
    order = { ...order, ...read }
    render()
    await Promise.all([showParcel(id), showDisputes(order)])
  }

  function render() {
    const { state, refund_pending: hasRefund } = order
    write('state', stateLabel(order))
    write('advice', advice(party, order, offer))
    const isOpen = ['paid', 'ready_for_handover'].includes(state) && !hasRefund
    show(party === 'buyer' && state === 'pending_payment', 'pay')
    show(party === 'buyer' && isOpen && offer.pickup, 'redeem')
    show(party === 'seller' && isOpen && offer.pickup, 'make-code')
    const isShippable = (isOpen && offer.shipping) || (state === 'shipped' && !hasRefund)
    show(party === 'seller' && isShippable, 'ship')
    if (!isOpen) show(false, 'code')
    showAddress(isOpen && (order.pickup_address ?? order.delivery_address), party)
    showActions()
    showSteps()
    if (party === 'seller' && state === 'released') followPayout(order)
  }

  function showActions() {
    const buttons = actions(party, order).map(([name, text]) =>
      element('button', { class: 'quiet', name: 'action', value: name }, text),
    )
    byId('buttons').replaceChildren(...buttons)
    show(buttons.length > 0, 'actions')
  }

  byId('actions').addEventListener('submit', async (event) => {
    event.preventDefault()
    const problem = byId('actions').querySelector('.problem')
    problem.textContent = ''
    try {
      await api('POST', `/orders/${id}`, { action: event.submitter.value })
      await load()
    } catch (error) {
      problem.textContent = error.message
    }
  })
  onSubmit(byId('pay'), () => pay(order))
  openPickup(id, load)
  openParcel(id, load)
  openReport(id)
  showListing(party)
  render()
  follow(load)
  await finishPayment(id).then(load).catch((error) => {
    byId('pay').querySelector('.problem').textContent = error.message
  })
}

/** Follow the row, and read the order after each change of it and each connection. */
function follow(load) {
  const row = { event: 'UPDATE', schema: 'public', table: 'orders', filter: `id=eq.${id}` }
  join(privateChannel(`order-${id}`).on('postgres_changes', row, load), load)
}

function showListing(party) {
  const { title } = order.listings
  document.title = `${title} – Aussie Market`
  write('title', title)
  write('amount', dollars(order.amount_cents))
  const { display_name: other } = party === 'buyer' ? order.seller : order.buyer
  write('party', party === 'buyer' ? `bought from ${other}` : `sold to ${other}`)
  write('pay-button', `Pay ${dollars(order.amount_cents)}`)
  show(true, 'order')
}

function showAddress(address, party) {
  show(Boolean(address), 'address')
  if (!address) return
  const { street, suburb, state, postcode } = address
  const text = [street, `${suburb} ${state} ${postcode}`].filter(Boolean).join(', ')
  write('address', `${party === 'buyer' ? 'Pick it up at' : 'Ship it to'} ${text}.`)
}

function showSteps() {
  const past = Object.entries(STEPS)
    .filter(([name]) => order[name])
    .map(([name, text]) =>
      element('li', {}, element('strong', {}, text),
        element('time', { class: 'muted', datetime: order[name] }, date(order[name]))),
    )
  byId('steps').replaceChildren(...past)
}
