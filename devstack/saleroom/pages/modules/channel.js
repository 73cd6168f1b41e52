// Private channels of Realtime. Changes that pass while a page is not connected are lost.

import { supabase } from './client.js'

/** Make a private channel; production allows no other. */
export function privateChannel(name) {
  return supabase.channel(name, { config: { private: true } })
}

/**
 * Join a channel of changed rows, and run `read` after each connection, because rows may have changed;
 * run `onLoss` when the connection is lost.
 */
export function join(channel, read, onLoss = () => {}) {
  return channel
    // Realtime sends changes from this message on, which comes after the reply to the join.
    .on('system', {}, () => read())
    .subscribe((status) => (status === 'SUBSCRIBED' ? read() : onLoss()))
}

/** Follow the rows of a table in both roles of a person, because a filter of Realtime knows no "or". */
export function joinAsEitherParty(name, table, user, read) {
  const channel = privateChannel(name)
  for (const role of ['buyer_id', 'seller_id']) {
    const filter = `${role}=eq.${user.id}`
    channel.on('postgres_changes', { event: '*', schema: 'public', table, filter }, read)
  }
  join(channel, read)
}
