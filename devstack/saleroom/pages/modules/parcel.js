// The parcel of an order: the seller enters carrier and tracking number, and both parties see them.

import { api } from './api.js'
import { supabase } from './client.js'
import { byId, onSubmit, show, write } from './dom.js'
import { rows } from './rpc.js'

/** Open the seller's form; `onDone` runs after the parcel is saved. The first save ships the order. */
export function openParcel(orderId, onDone) {
  onSubmit(byId('ship'), async ({ carrier, tracking }) => {
    await api('POST', `/shipments/${orderId}`, { carrier, tracking })
    await onDone()
  })
}

/** Show the parcel once there is one, and let the seller correct it in the form. */
export async function showParcel(orderId) {
  const [parcel] = await rows(
    supabase.from('shipments').select('carrier,tracking').eq('order_id', orderId),
  )
  if (!parcel) return
  write('parcel', `Sent by ${parcel.carrier}, tracking number ${parcel.tracking}.`)
  show(true, 'parcel')
  write('ship-button', 'Correct the parcel')
  for (const name of ['carrier', 'tracking']) byId(name).value ||= parcel[name]
}
