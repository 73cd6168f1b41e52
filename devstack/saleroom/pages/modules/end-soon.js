// A tool of this saleroom alone: it moves the end of an auction, which the market never does.

import { byId, write } from './dom.js'

/** Let the button move the end to a minute from now. */
export function openTool(auction) {
  byId('end-soon').addEventListener('click', async () => {
    write('tool-problem', '')
    const answer = await fetch('/tools/end-soon', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ auction_id: auction.state.id }),
    })
    if (!answer.ok) write('tool-problem', (await answer.json()).error)
  })
}
