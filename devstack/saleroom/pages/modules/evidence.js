// Evidence of a dispute: files in a private bucket, which its parties and staff read by signed links.

import { api } from './api.js'
import { join, privateChannel } from './channel.js'
import { supabase } from './client.js'
import { date } from './clock.js'
import { byId, element, onSubmit, show } from './dom.js'
import { rows } from './rpc.js'

/** The lifetime of a link, which each new reading renews. */
const LINK_S = 3600

/** Open the form, and follow the evidence of both parties. */
export function openEvidence(disputeId) {
  const read = () => showEvidence(disputeId)
  onSubmit(byId('add-evidence'), async ({ file }) => {
    const form = new FormData()
    form.set('type', 'evidence_file')
    form.set('disputeId', disputeId)
    form.set('file', file)
    await api('POST', '/storage/upload', form)
    byId('add-evidence').reset()
    await read()
  })
  const filter = `dispute_id=eq.${disputeId}`
  const files = { event: 'INSERT', schema: 'public', table: 'dispute_evidence', filter }
  join(privateChannel(`dispute-evidence-${disputeId}`).on('postgres_changes', files, read), read)
}

async function showEvidence(disputeId) {
  const files = await rows(
    supabase
      .from('dispute_evidence')
      .select('title,path,created_at')
      .eq('dispute_id', disputeId)
      .order('created_at'),
  )
  const links = files.length ? await signedLinks(files.map(({ path }) => path)) : []
  byId('files').replaceChildren(...files.map((file, index) => line(file, links[index])))
  show(files.length === 0, 'no-files')
}

/** Return a link for each path, in the same order. */
async function signedLinks(paths) {
  const { data, error } = await supabase.storage.from('evidence-uploads').createSignedUrls(paths, LINK_S)
  if (error) throw error
  return data.map(({ signedUrl }) => signedUrl)
}

function line({ title, created_at: createdAt }, link) {
  return element('li', {},
    element('a', { href: link, target: '_blank', rel: 'noopener' },
      element('span', { class: 'line' }, element('strong', {}, title),
        element('span', { class: 'muted small' }, date(createdAt)))),
  )
}
