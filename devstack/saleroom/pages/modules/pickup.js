// Hand the item over: the seller makes a code, and the buyer enters it when they have the item.

import { api } from './api.js'
import { date } from './clock.js'
import { byId, onSubmit, show, write } from './dom.js'

/** Open both forms; `onDone` runs after the buyer's code was right. */
export function openPickup(orderId, onDone) {
  onSubmit(byId('make-code'), async () => {
    // Only the answer has the code. A new code replaces the old one.
    const { code6, pickup } = await api('POST', `/pickup/${orderId}`, { action: 'init' })
    write('digits', code6)
    write('expires', date(pickup.expires_at))
    show(true, 'code')
  })
  onSubmit(byId('redeem'), async ({ code6 }) => {
    await api('POST', `/pickup/${orderId}`, { action: 'redeem', code6 })
    await onDone()
  })
}
