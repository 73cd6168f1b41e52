// The bids of an auction. Amounts are public, maxima are not.

import { supabase } from './client.js'
import { timeOfDay } from './clock.js'
import { byId, element, show } from './dom.js'
import { dollars } from './money.js'
import { rows } from './rpc.js'

const BIDDER = 'bidder:public_profiles!bids_bidder_id_fkey(id,display_name)'
const SHOWN = 12

let reads = 0

/** Read the highest bids and show them; of reads under way only the last one counts. */
export async function showBids(auctionId, user) {
  reads += 1
  const own = reads
  const bids = await rows(
    supabase
      .from('bids')
      .select(`id,bidder_id,amount_cents,is_proxy,accepted,placed_at,seq,${BIDDER}`)
      .eq('auction_id', auctionId)
      .order('amount_cents', { ascending: false })
      .order('seq', { ascending: false })
      .limit(SHOWN),
  )
  if (own !== reads) return
  byId('bids').replaceChildren(...bids.map((bid) => line(bid, user)))
  show(bids.length === 0, 'no-bids')
}

function line(bid, user) {
  const name = bid.bidder_id === user?.id ? 'You' : (bid.bidder?.display_name ?? 'A bidder')
  return element('li', { class: bid.accepted ? null : 'withdrawn' },
    element('span', {}, name, bid.is_proxy && element('span', { class: 'tag' }, 'automatic'),
      !bid.accepted && element('span', { class: 'tag' }, 'withdrawn')),
    element('strong', {}, dollars(bid.amount_cents)),
    element('time', { class: 'muted', datetime: bid.placed_at }, timeOfDay(bid.placed_at)),
  )
}
