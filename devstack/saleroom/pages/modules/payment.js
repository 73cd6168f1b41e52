// Pay an order at Stripe. The web app shows Stripe's payment form; here a page of the fake Stripe does.

import { api } from './api.js'
import { settings } from './client.js'
import { parameter } from './dom.js'

/** Make the order's payment, or take the open one, and go to Stripe's page. */
export async function pay(order) {
  const { clientSecret } = await api('POST', '/payments/create-intent', {
    orderId: order.id,
    amount: order.amount_cents,
  })
  const page = new URL('/pay', settings.stripeUrl)
  page.searchParams.set('payment_intent_client_secret', clientSecret)
  page.searchParams.set('publishable_key', settings.stripePublishableKey)
  page.searchParams.set('return_url', `${location.origin}/order?id=${order.id}`)
  location.assign(page)
}

/**
 * Confirm the payment of a buyer who comes back from Stripe; the webhook settles the order as well,
 * whichever comes first. Throw an error to show if the payment has failed.
 */
export async function finishPayment(orderId) {
  const [paymentIntentId, status] = [parameter('payment_intent'), parameter('redirect_status')]
  if (!paymentIntentId) return
  // A reload must not confirm again, and the client secret must not stay in the address.
  history.replaceState(null, '', `/order?id=${orderId}`)
  if (status !== 'succeeded') throw new Error('The payment has failed. Try another card.')
  await api('POST', '/payments/confirm', { orderId, paymentIntentId })
}
