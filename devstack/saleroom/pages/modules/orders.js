// The person's purchases and sales, with their states live.

import { joinAsEitherParty } from './channel.js'
import { supabase } from './client.js'
import { date } from './clock.js'
import { byId, element, show } from './dom.js'
import { dollars } from './money.js'
import { stateLabel } from './order-state.js'
import { openPage } from './page.js'
import { rows } from './rpc.js'
import { requireUser } from './session.js'

const FIELDS = 'id,buyer_id,amount_cents,state,refund_pending,created_at,listings(title)'

await openPage()
const user = await requireUser()

async function load() {
  const orders = await rows(
    supabase
      .from('orders')
      .select(FIELDS)
      .or(`buyer_id.eq.${user.id},seller_id.eq.${user.id}`)
      .order('created_at', { ascending: false })
      .limit(50),
  )
  const purchases = orders.filter(({ buyer_id: buyerId }) => buyerId === user.id)
  const sales = orders.filter(({ buyer_id: buyerId }) => buyerId !== user.id)
  byId('purchases').replaceChildren(...purchases.map(line))
  byId('sales').replaceChildren(...sales.map(line))
  show(purchases.length === 0, 'no-purchases')
  show(sales.length === 0, 'no-sales')
}

function line(order) {
  return element('li', {},
    element('a', { href: `/order?id=${order.id}` },
      element('span', { class: 'line' }, element('strong', {}, order.listings?.title ?? 'A listing'),
        element('strong', {}, dollars(order.amount_cents))),
      element('span', { class: 'line' }, element('span', {}, stateLabel(order)),
        element('span', { class: 'muted small' }, date(order.created_at)))),
  )
}

await load()
joinAsEitherParty(`user-orders-${user.id}`, 'orders', user, load)
