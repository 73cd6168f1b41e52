// The header of each page: links, the signed-in person, and new notifications as they come.

import { join, privateChannel } from './channel.js'
import { supabase } from './client.js'
import { byId, element } from './dom.js'
import { currentUser, signInAddress, signOut } from './session.js'

const LINKS = [
  ['/', 'Saleroom'],
  ['/sell', 'Sell'],
  ['/messages', 'Messages'],
  ['/orders', 'Orders'],
  ['/account', 'Account'],
]

/** Fill the header; return the signed-in user, or null. */
export async function openPage() {
  const user = await currentUser()
  const links = LINKS.filter(([path]) => user || path === '/').map(([path, name]) =>
    element('a', { href: path, 'aria-current': path === location.pathname && 'page' }, name),
  )
  byId('header').append(
    element('a', { href: '/', class: 'brand' }, 'Aussie Market'),
    element('nav', { 'aria-label': 'Main' }, links),
    element('div', { class: 'person' }, user ? await person(user) : visitor()),
  )
  document.body.append(element('div', { id: 'toasts', role: 'status', class: 'toasts' }))
  if (user) await followNotifications(user)
  return user
}

function visitor() {
  const address = location.pathname === '/sign-in' ? '/sign-in' : signInAddress()
  return [element('a', { href: address, class: 'button' }, 'Sign in')]
}

async function person(user) {
  const { data } = await supabase
    .from('public_profiles')
    .select('display_name')
    .eq('id', user.id)
    .single()
  return [
    element('span', { class: 'name' }, data?.display_name ?? user.email),
    element('a', { id: 'bell', href: '/account#notifications', class: 'bell', hidden: true }),
    element('button', { type: 'button', class: 'quiet', click: signOut }, 'Sign out'),
  ]
}

/** Count the unread notifications, and show each new one for some seconds. */
async function followNotifications(user) {
  const count = async () => {
    const { count: unread } = await supabase
      .from('notifications')
      .select('id', { count: 'exact', head: true })
      .eq('read', false)
    byId('bell').hidden = !unread
    byId('bell').textContent = `${unread} new`
    // A page that lists the notifications reads them again.
    document.dispatchEvent(new Event('notified'))
  }
  const rows = { event: 'INSERT', schema: 'public', table: 'notifications', filter: `user_id=eq.${user.id}` }
  const channel = privateChannel('notifications').on('postgres_changes', rows, ({ new: row }) => {
    toast(row.title, row.message)
    count()
  })
  join(channel, count)
  await count()
}

/** Show a short message in the corner, which a screen reader says. */
function toast(title, text) {
  const shown = element('p', { class: 'toast' }, element('strong', {}, title), ' ', text)
  byId('toasts').append(shown)
  setTimeout(() => shown.remove(), 8000)
}
