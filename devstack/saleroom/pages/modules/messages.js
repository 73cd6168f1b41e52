// Conversations of the signed-in person, and the messages of one, live.

import { join, joinAsEitherParty, privateChannel } from './channel.js'
import { supabase } from './client.js'
import { date } from './clock.js'
import { byId, element, onSubmitOnce, parameter, show, write } from './dom.js'
import { message, OUTCOMES } from './message.js'
import { openPage } from './page.js'
import { call, rows } from './rpc.js'
import { requireUser } from './session.js'

const NAME = '(id,display_name)'
const THREADS =
  'id,subject,last_message_at,buyer_id,' +
  `buyer:public_profiles!message_threads_buyer_id_fkey${NAME},` +
  `seller:public_profiles!message_threads_seller_id_fkey${NAME}`
const MESSAGES = 'id,sender_id,content,action,delivery,read_at,created_at'

await openPage()
const user = await requireUser()
const threadId = parameter('thread')

/** Read the conversations, the newest first. Row security gives only the person's own. */
async function loadThreads() {
  const threads = await rows(
    supabase.from('message_threads').select(THREADS).order('last_message_at', { ascending: false }).limit(50),
  )
  byId('threads').replaceChildren(...threads.map(threadLine))
  show(threads.length > 0, 'inbox')
  show(threads.length === 0, 'nothing')
  const open = threads.find(({ id }) => id === threadId)
  if (open) write('subject', `${open.subject} – ${otherName(open)}`)
}

function otherName(thread) {
  const other = thread.buyer_id === user.id ? thread.seller : thread.buyer
  return other?.display_name ?? 'A person who has left'
}

function threadLine(thread) {
  return element('li', {},
    element('a', { href: `/messages?thread=${thread.id}`, 'aria-current': thread.id === threadId && 'true' },
      element('strong', {}, otherName(thread)),
      element('span', {}, thread.subject),
      element('span', { class: 'muted small' }, date(thread.last_message_at))),
  )
}

async function loadMessages() {
  const found = await rows(
    supabase
      .from('messages')
      .select(MESSAGES)
      .eq('thread_id', threadId)
      .order('created_at', { ascending: false })
      .limit(100),
  )
  byId('messages').replaceChildren(...found.reverse().map((row) => message(row, user)))
  await call('mark_thread_read', { thread_id: threadId })
}

/** Follow new messages, and updates: a release by staff, or the mark that one was read. */
function followMessages() {
  const filter = `thread_id=eq.${threadId}`
  const messages = { schema: 'public', table: 'messages', filter }
  const channel = privateChannel(`thread-${threadId}`)
    .on('postgres_changes', { ...messages, event: 'INSERT' }, loadMessages)
    .on('postgres_changes', { ...messages, event: 'UPDATE' }, loadMessages)
  join(channel, loadMessages)
}

async function send({ content }, messageId) {
  const answer = await call('send_message', { thread_id: threadId, content, client_message_id: messageId })
  byId('reply').reset()
  write('outcome', OUTCOMES[answer.action])
  byId('outcome').className = `notice ${answer.action}`
  show(true, 'outcome')
  await loadMessages()
}

await loadThreads()
joinAsEitherParty(`user-threads-${user.id}`, 'message_threads', user, loadThreads)
if (threadId) {
  show(true, 'conversation')
  await loadMessages()
  followMessages()
  onSubmitOnce(byId('reply'), send)
}
