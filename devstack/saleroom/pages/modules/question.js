// Ask the seller. The filter of the database hides contact and payment details before anybody reads them.

import { byId, element, onSubmitOnce, show } from './dom.js'
import { OUTCOMES } from './message.js'
import { call } from './rpc.js'

/** Open the form for everybody but the seller. */
export function openQuestion(listing, user) {
  show(Boolean(user) && user.id !== listing.seller_id, 'question-panel')
  onSubmitOnce(byId('question'), async ({ content }, messageId) => {
    const answer = await call('start_thread', {
      listing_id: listing.id,
      content,
      client_message_id: messageId,
    })
    byId('question').reset()
    byId('sent').replaceChildren(
      element('p', { class: 'message own' }, answer.content),
      element('p', { class: `notice ${answer.action}` }, OUTCOMES[answer.action]),
      element('a', { href: `/messages?thread=${answer.thread_id}` }, 'Open the conversation'),
    )
  })
}
