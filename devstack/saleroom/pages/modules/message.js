// A message, as its sender and its recipient may see it.

import { date } from './clock.js'
import { element } from './dom.js'

/** The filter's decision about a message, in words for its sender. */
export const OUTCOMES = {
  allow: 'Sent.',
  warn: 'Sent. Keep contact and payment details out: they are hidden until the item is paid.',
  mask: 'Sent with a part hidden (▇): it looked like contact or payment details.',
  hold: 'Held: the other person sees it only if staff release it.',
}

/** The decision of staff about a message that was held. */
const DECISIONS = { delivered: 'Released by staff.', rejected: 'Staff did not release it.' }

/** Build a message of a thread, or of a dispute, where its sender is named. */
export function message(row, user, name = null) {
  const isOwn = row.sender_id === user.id
  const notes = isOwn ? [warning(row), row.read_at && 'Read.'] : []
  return element('li', { class: isOwn ? 'message own' : 'message' },
    element('p', {}, row.content),
    element('p', { class: 'muted small' },
      [name, date(row.created_at), ...notes].filter(Boolean).join(' · ')),
  )
}

/** Messages of disputes have no such decision: the filter takes or refuses them. */
function warning({ action, delivery }) {
  if (!action || action === 'allow') return null
  return (action === 'hold' && DECISIONS[delivery]) || OUTCOMES[action]
}
