// Report a problem with an order: it is disputed then, until staff decide. The disputes so far are links.

import { supabase } from './client.js'
import { date } from './clock.js'
import { byId, element, onSubmitOnce, show } from './dom.js'
import { disputeLabel, KINDS } from './dispute-state.js'
import { call, rows } from './rpc.js'

/** A dispute is possible from the payment to the release. */
const REPORTABLE = ['paid', 'ready_for_handover', 'shipped', 'delivered']

/** Open the form, which leads to the new dispute. */
export function openReport(orderId) {
  const kinds = Object.entries(KINDS).map(([kind, text]) => element('option', { value: kind }, text))
  byId('dispute-type').append(...kinds)
  onSubmitOnce(byId('report'), async (values, requestId) => {
    const { dispute_id: id } = await call('open_dispute', {
      order_id: orderId,
      ...values,
      client_request_id: requestId,
    })
    location.assign(`/dispute?id=${id}`)
  })
}

/** Show the disputes of an order, and the form while the order can be disputed. */
export async function showDisputes(order) {
  const disputes = await rows(
    supabase
      .from('disputes')
      .select('id,dispute_type,state,decision,created_at')
      .eq('order_id', order.id)
      .order('created_at', { ascending: false }),
  )
  const isReportable = REPORTABLE.includes(order.state) && !order.refund_pending
  byId('disputes').replaceChildren(...disputes.map(line))
  show(isReportable, 'report-part')
  show(isReportable || disputes.length > 0, 'trouble')
}

function line(dispute) {
  return element('li', {},
    element('a', { href: `/dispute?id=${dispute.id}` },
      element('span', { class: 'line' }, element('strong', {}, KINDS[dispute.dispute_type]),
        element('span', {}, disputeLabel(dispute))),
      element('span', { class: 'muted small' }, date(dispute.created_at))),
  )
}
