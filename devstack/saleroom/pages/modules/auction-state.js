// The words for the states of an auction.

import { span } from './clock.js'

/** The results of an auction that is over. */
export const RESULTS = { finalized: 'Sold', no_sale: 'Not sold', cancelled: 'Cancelled' }

/** Return the result of an auction, or the time that remains before it has one. */
export function timeLabel(status, ms) {
  return RESULTS[status] ?? (ms > 0 ? span(ms) : 'Closing …')
}
