// The words for the states of an order.

const LABELS = {
  pending_payment: 'Pending payment',
  paid: 'Payment received',
  ready_for_handover: 'Ready for handover',
  shipped: 'Shipped',
  delivered: 'Delivered',
  released: 'Funds released',
  refunded: 'Refunded',
  cancelled: 'Cancelled',
  disputed: 'Disputed',
}

/** Return the state in words, and the refund that is under way. */
export function stateLabel(order) {
  return order.refund_pending ? `${LABELS[order.state]}, refund under way` : LABELS[order.state]
}
