// The next step of an order for each party. The service refuses an action that a state does not allow.

/** Sentences for each party by state. The handover depends on what the listing offers. */
const ADVICE = {
  buyer: {
    pending_payment: 'Pay the order to keep it.',
    paid: {
      pickup: 'Meet the seller, and enter the pickup code once you have the item.',
      shipping: 'Wait until the seller has shipped the item.',
      both: 'Meet the seller and enter the pickup code once you have the item, or wait for the parcel.',
    },
    ready_for_handover: {
      pickup: 'The item is ready. Enter the pickup code once you have it.',
      shipping: 'The item is ready. Wait until the seller has shipped it.',
      both: 'The item is ready. Enter the pickup code once you have it, or wait for the parcel.',
    },
    shipped: 'The parcel is on its way. Confirm when it has arrived.',
    delivered: 'Is the item as described? Then release the money to the seller.',
    released: 'Done. The seller gets the money.',
  },
  seller: {
    pending_payment: 'Wait until the buyer has paid.',
    paid: {
      pickup: 'The buyer has paid. Make a pickup code, or say that the item is ready.',
      shipping: 'The buyer has paid. Ship the item, or say that it is ready.',
      both: 'The buyer has paid. Make a pickup code, ship the item, or say that it is ready.',
    },
    ready_for_handover: {
      pickup: 'Hand the item over with a pickup code.',
      shipping: 'Ship the item.',
      both: 'Hand the item over with a pickup code, or ship it.',
    },
    shipped: 'Wait until the buyer confirms the delivery.',
    delivered: 'Wait until the buyer releases the money. After a few days it is released by itself.',
    released: 'Done. The state of your payout stands below.',
  },
  both: {
    refunded: 'The buyer has the money back.',
    cancelled: 'This order was cancelled.',
    disputed: 'This order is disputed. Staff or the bank decide.',
  },
}

/** Actions by party and state, each with the text of its button. A parcel that is saved ships the order. */
const ACTIONS = {
  buyer: {
    pending_payment: { cancel: 'Cancel the order' },
    paid: { cancel: 'Cancel and get the money back' },
    shipped: { confirm_delivery: 'The parcel has arrived' },
    delivered: { release_funds: 'Release the money' },
  },
  seller: {
    pending_payment: { cancel: 'Cancel the order' },
    paid: { mark_ready: 'The item is ready', refund: 'Refund the buyer' },
    ready_for_handover: { refund: 'Refund the buyer' },
    shipped: { refund: 'Refund the buyer' },
    delivered: { refund: 'Refund the buyer' },
  },
}

/** Return the sentence for a party about an order, whose listing offers pickup, shipping or both. */
export function advice(party, order, { pickup, shipping }) {
  if (order.refund_pending) return 'The refund is under way.'
  const text = ADVICE[party][order.state] ?? ADVICE.both[order.state]
  return text[pickup && shipping ? 'both' : pickup ? 'pickup' : 'shipping'] ?? text
}

/** Return the possible actions of a party, as pairs of name and text. */
export function actions(party, order) {
  return order.refund_pending ? [] : Object.entries(ACTIONS[party][order.state] ?? {})
}
