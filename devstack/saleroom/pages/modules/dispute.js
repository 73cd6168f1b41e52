// A dispute for both parties of its order: its state, and the messages to each other and to staff, live.

import { join, privateChannel } from './channel.js'
import { supabase } from './client.js'
import { date } from './clock.js'
import { byId, onSubmitOnce, parameter, show, write } from './dom.js'
import { disputeLabel, KINDS } from './dispute-state.js'
import { openEvidence } from './evidence.js'
import { message } from './message.js'
import { openPage } from './page.js'
import { call, rows } from './rpc.js'
import { requireUser } from './session.js'

const FIELDS =
  'id,order_id,initiator_id,dispute_type,reason,description,state,decision,resolution,stripe_dispute_id,created_at,' +
  'order:orders!disputes_order_id_fkey(id,listing:listings(title)),' +
  'initiator:public_profiles!disputes_initiator_id_fkey(id,display_name)'
const MESSAGES =
  'id,sender_id,message_type,content,created_at,' +
  'sender:public_profiles!dispute_messages_sender_id_fkey(id,display_name)'

await openPage()
const user = await requireUser()
const id = parameter('id')

/** Read and show the dispute. Row security gives a party only the disputes of their own orders. */
async function load() {
  const { data: dispute } = await supabase.from('disputes').select(FIELDS).eq('id', id).maybeSingle()
  show(!dispute, 'missing')
  show(Boolean(dispute), 'dispute')
  if (!dispute) return false
  const title = dispute.order.listing?.title ?? 'The order'
  document.title = `Dispute about ${title} – Aussie Market`
  write('order-link', title)
  byId('order-link').href = `/order?id=${dispute.order_id}`
  write('kind', KINDS[dispute.dispute_type])
  write('state', disputeLabel(dispute))
  write('reason', dispute.reason)
  write('description', dispute.description ?? '')
  write('opened', `${openedBy(dispute)}, ${date(dispute.created_at)}`)
  write('resolution', dispute.resolution ?? '')
  show(Boolean(dispute.resolution), 'resolution')
  show(dispute.state !== 'resolved', 'reply', 'add-evidence')
  return true
}

function openedBy(dispute) {
  if (dispute.stripe_dispute_id) return 'The bank of the buyer decides'
  const { display_name: name } = dispute.initiator ?? {}
  return dispute.initiator_id === user.id ? 'Opened by you' : `Opened by ${name}`
}

async function loadMessages() {
  const found = await rows(
    supabase
      .from('dispute_messages')
      .select(MESSAGES)
      .eq('dispute_id', id)
      .order('created_at', { ascending: false })
      .limit(100),
  )
  byId('messages').replaceChildren(...found.reverse().map((row) => message(row, user, senderName(row))))
  show(found.length === 0, 'no-messages')
}

function senderName({ message_type: type, sender_id: senderId, sender }) {
  if (senderId === user.id) return null
  return type === 'admin' ? 'Staff' : sender?.display_name
}

function follow() {
  const dispute = { event: 'UPDATE', schema: 'public', table: 'disputes', filter: `id=eq.${id}` }
  join(privateChannel(`dispute-${id}`).on('postgres_changes', dispute, load), load)
  const messages = {
    event: 'INSERT',
    schema: 'public',
    table: 'dispute_messages',
    filter: `dispute_id=eq.${id}`,
  }
  const channel = privateChannel(`dispute-messages-${id}`)
  join(channel.on('postgres_changes', messages, loadMessages), loadMessages)
}

async function send({ content }, requestId) {
  await call('add_dispute_message', { dispute_id: id, content, client_request_id: requestId })
  byId('reply').reset()
  await loadMessages()
}

if (await load()) {
  await loadMessages()
  follow()
  openEvidence(id)
  onSubmitOnce(byId('reply'), send)
}
