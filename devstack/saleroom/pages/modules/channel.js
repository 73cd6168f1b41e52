// Private channels of Realtime. Changes that pass while a page is not connected are lost.

import { supabase } from './client.js'

/** Make a private channel; production allows no other. */
export function privateChannel(name) {
  return supabase.channel(name, { config: { private: true } })
}

/** Join a channel of changed rows, and run `read` after each connection, because rows may have changed. */
export function join(channel, read) {
  return channel
    // Postgres sends changes from this message on, which comes after the channel's own answer.
    .on('system', {}, () => read())
    .subscribe((status) => status === 'SUBSCRIBED' && read())
}
