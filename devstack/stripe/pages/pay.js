/** The payment page: confirm the intent of a client secret with a test card, as Stripe.js does. */

import { byId, chosen, money, onSubmit, showBack, showChoices, state } from './page.js'

const id = state.client_secret.split('_secret_')[0]

/** Call the API with the publishable key; an error of Stripe becomes an Error. */
async function call(method, path, fields) {
  const form = new URLSearchParams({ client_secret: state.client_secret, ...fields })
  const isGet = method === 'GET'
  const answer = await fetch(`/v1/payment_intents/${encodeURIComponent(id)}${path}${isGet ? `?${form}` : ''}`, {
    method,
    headers: { Authorization: `Bearer ${state.publishable_key}` },
    body: isGet ? undefined : form
  })
  const body = await answer.json()
  if (!answer.ok) throw Object.assign(new Error(body.error.message), body.error)
  return body
}

/** Return the address to which Stripe sends the buyer after a payment. */
function returnAddress() {
  const url = new URL(state.return_url)
  url.searchParams.append('payment_intent', id)
  url.searchParams.append('payment_intent_client_secret', state.client_secret)
  url.searchParams.append('redirect_status', 'succeeded')
  return url.href
}

/** Go to the bank's page if the intent needs 3-D Secure, or else back to the shop. */
function proceed(intent) {
  if (intent.next_action) location.assign(intent.next_action.redirect_to_url.url)
  else location.assign(returnAddress())
}

async function pay() {
  const card = chosen(state.groups)
  proceed(await call('POST', '/confirm', { ...card, return_url: state.return_url }))
}

function show(intent) {
  const amount = money(intent.amount, intent.currency)
  byId('amount').textContent = amount
  byId('description').textContent = intent.description ?? intent.id
  byId('problem').textContent = intent.last_payment_error?.message ?? ''
  if (['succeeded', 'requires_capture'].includes(intent.status)) {
    byId('problem').textContent = 'This payment has already succeeded.'
    showBack(returnAddress())
  } else if (intent.status === 'canceled') {
    byId('problem').textContent = 'This payment was canceled.'
  } else {
    byId('submit').textContent = `Pay ${amount}`
    byId('submit').disabled = false
  }
}

showBack(state.return_url)
showChoices(state.groups)
onSubmit(pay)
try {
  show(await call('GET', ''))
} catch (error) {
  byId('amount').textContent = 'No such payment'
  byId('problem').textContent = error.message
}
