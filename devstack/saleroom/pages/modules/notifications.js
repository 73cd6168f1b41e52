// The notifications of the person. The page's header says how many are new.

import { api } from './api.js'
import { supabase } from './client.js'
import { date } from './clock.js'
import { byId, element, onSubmit, show } from './dom.js'
import { rows } from './rpc.js'

const SHOWN = 20

/** Show the newest notifications, and let the person mark all as read. */
export async function openNotifications(user) {
  onSubmit(byId('read-all'), async () => {
    await api('POST', '/notifications', { action: 'mark_all_read' })
    await read(user)
    show(false, 'bell')
  })
  document.addEventListener('notified', () => read(user))
  await read(user)
}

async function read(user) {
  const found = await rows(
    supabase
      .from('notifications')
      .select('id,title,message,read,metadata,created_at')
      .eq('user_id', user.id)
      .order('created_at', { ascending: false })
      .limit(SHOWN),
  )
  byId('notification-rows').replaceChildren(...found.map(line))
  show(found.length === 0, 'no-notifications')
  show(found.some((one) => !one.read), 'read-all')
}

function line(row) {
  const text = [
    element('span', { class: 'line' }, element('strong', {}, row.title),
      element('time', { class: 'muted small', datetime: row.created_at }, date(row.created_at))),
    element('span', {}, row.message, !row.read && element('span', { class: 'tag' }, 'new')),
  ]
  const address = link(row.metadata)
  return element('li', {}, address ? element('a', { href: address }, text) : element('p', {}, text))
}

/** Return the address of the thing that a notification is about. */
function link({ dispute_id: dispute, order_id: order, listing_id: listing, thread_id: thread }) {
  if (dispute) return `/dispute?id=${dispute}`
  if (order) return `/order?id=${order}`
  if (thread) return `/messages?thread=${thread}`
  return listing ? `/listing?id=${listing}` : null
}
