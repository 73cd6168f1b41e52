// Follow one auction live, by the rules of Realtime in docs/api.md.

import { join, privateChannel } from './channel.js'
import { setServerTime } from './clock.js'
import { call } from './rpc.js'

/** The wait before the state is read again. */
const READ_AGAIN_MS = 2000

/**
 * Keep the state of an auction current, and report each change of it.
 *
 * Three sources give the same values: the changed row, the broadcast of the time remaining, and
 * `get_auction_state`. Each has the auction's version, and an older version is dropped.
 */
export class LiveAuction {
  /** Take the row of `auctions`, and two listeners: for a new state with the one before, and for a bid. */
  constructor(row, onState, onBid) {
    this.state = row
    this.onState = onState
    this.onBid = onBid
  }

  /** Subscribe, and read the state again after each connection: changes may have passed unseen. */
  follow() {
    const { id } = this.state
    const rows = privateChannel(`auction-${id}`)
      .on(...changes('auctions', `id=eq.${id}`), ({ new: row }) => this.apply(row))
      .on(...changes('bids', `auction_id=eq.${id}`), () => this.onBid())
    join(rows, () => this.read(), () => this.onConnection?.(false))
    privateChannel(`auction:${id}`)
      .on('broadcast', { event: 'time_remaining' }, ({ payload }) => this.applyTimed(payload))
      .subscribe()
  }

  /** Read the state from the database, which decides; without an answer, read it again later. */
  async read() {
    try {
      this.applyTimed(await call('get_auction_state', { auction_id: this.state.id }))
      await this.onBid()
      this.onConnection?.(true)
    } catch {
      this.onConnection?.(false)
      setTimeout(() => this.read(), READ_AGAIN_MS)
    }
  }

  applyTimed({ server_time: serverTime, ...values }) {
    setServerTime(serverTime)
    // Realtime adds the message's id to each broadcast, so `id` is not the auction's.
    this.apply({ ...values, id: this.state.id })
  }

  apply(values) {
    if (values.version < this.state.version) return
    const before = this.state
    this.state = { ...before, ...values }
    this.onState(this.state, before)
  }
}

function changes(table, filter) {
  return ['postgres_changes', { event: '*', schema: 'public', table, filter }]
}
