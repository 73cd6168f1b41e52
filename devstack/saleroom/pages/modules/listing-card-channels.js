// Follow the auctions of the shown cards: a channel each, which the page leaves with the card.

import { privateChannel } from './channel.js'
import { supabase } from './client.js'

const channels = new Map()

/** Join the channels of these cards and leave all others; call `onEnd` when an auction is over. */
export function followListingCards(cards, onEnd) {
  const wanted = new Map(cards.map((card) => [card.auctionId, card]))
  for (const [id, { channel }] of channels) {
    if (wanted.has(id)) continue
    supabase.removeChannel(channel)
    channels.delete(id)
  }
  for (const [id, card] of wanted) {
    if (channels.has(id)) channels.get(id).card = card
    else channels.set(id, { card, channel: join(id, onEnd) })
  }
}

function join(id, onEnd) {
  const auction = { event: 'UPDATE', schema: 'public', table: 'auctions', filter: `id=eq.${id}` }
  return privateChannel(`auction-${id}`)
    .on('postgres_changes', auction, ({ new: row }) => {
      channels.get(id)?.card.update(row)
      if (row.status !== 'live') onEnd()
    })
    .subscribe()
}
