// The words for the kinds and states of a dispute.

/** The kinds of complaint, as the form of a report offers them. */
export const KINDS = {
  item_not_received: 'Item not received',
  item_not_as_described: 'Item not as described',
  damaged_item: 'Damaged item',
  wrong_item: 'Wrong item',
  other: 'Another problem',
}

const STATES = {
  open: 'Open',
  needs_evidence: 'More evidence is needed',
  review: 'Under review',
  resolved: 'Decided',
}

/** Decisions of staff. The bank decides about a dispute of its own. */
const DECISIONS = {
  refund: 'Decided: the buyer gets the money back',
  partial: 'Decided: the buyer gets a part back',
  deny: 'Decided: the order goes on',
}

/** Return the state in words, and the decision once there is one. */
export function disputeLabel({ state, decision }) {
  return DECISIONS[decision] ?? STATES[state]
}
