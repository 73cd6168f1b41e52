// Offer an item: create the listing by its RPC, then send its photos to the service.

import { supabase } from './client.js'
import { byId, onSubmit, show, write } from './dom.js'
import { cents } from './money.js'
import { openPage } from './page.js'
import { uploadPhoto } from './photos.js'
import { call, rows } from './rpc.js'
import { requireUser } from './session.js'

/** Return the arguments of create_listing. Street and reserve stay out of the public row. */
function listingOf(values) {
  const { street, suburb, postcode, state } = values
  const endAt = new Date(Date.now() + Number(values.minutes) * 60_000)
  return {
    title: values.title,
    description: values.description,
    category_id: Number(values.category),
    condition: values.condition,
    start_cents: cents(values.start),
    reserve_cents: cents(values.reserve),
    pickup: Boolean(values.pickup),
    shipping: Boolean(values.shipping),
    location: { street, suburb, postcode, state },
    end_at: endAt.toISOString(),
  }
}

async function sell(values) {
  // Each retry sends the same arguments with the same key, so a lost answer makes no second listing.
  request ??= { ...listingOf(values), client_request_id: crypto.randomUUID() }
  const { listing } = await call('create_listing', request)
  const files = [...byId('photo').files]
  for (const [index, file] of files.entries()) {
    write('progress', `Sending photo ${index + 1} of ${files.length} …`)
    await uploadPhoto(listing.id, file, index)
  }
  location.assign(`/listing?id=${listing.id}`)
}

let request = null

await openPage()
const user = await requireUser()
const [profile] = await rows(supabase.from('users').select('kyc').eq('id', user.id))
show(profile?.kyc !== 'passed', 'not-yet')
byId('sell').addEventListener('input', ({ target }) => {
  // A listing whose photo was refused is there already: another photo is for the same listing.
  if (target.id !== 'photo') request = null
})
onSubmit(byId('sell'), sell)
