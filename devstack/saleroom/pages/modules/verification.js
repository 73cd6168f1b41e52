// The identity check, which a person needs before they bid, sell or get payouts.

import { api } from './api.js'
import { byId, onSubmit, parameter, show, write } from './dom.js'
import { repeatUntil } from './repeat.js'

const STATES = {
  none: ['', 'Your identity is not checked yet.'],
  pending: ['', 'The check is not finished.'],
  passed: ['good', 'Your identity is checked.'],
  failed: ['bad', 'The check has failed.'],
}

/** Show the state, and wait for the result of a person who comes back from Stripe. */
export async function openVerification() {
  onSubmit(byId('verify'), start)
  const isBack = parameter('kyc') === 'returned'
  if (isBack) await repeatUntil(read)
  else await read()
}

/** Send the person's details, and go to Stripe's page. */
async function start({ legal_name: legalName, dob, ...address }) {
  const { verificationUrl } = await api('POST', '/kyc/start', {
    legal_name: legalName,
    dob,
    address,
  })
  location.assign(verificationUrl)
}

/** Read and show the state; return true unless Stripe has still to answer. */
async function read() {
  const { status, stripe_status: atStripe, details } = await api('GET', '/kyc')
  const isChecking = status === 'pending' && atStripe === 'processing'
  const [kind, text] = STATES[status]
  byId('kyc').className = `standing ${kind}`
  write('kyc', isChecking ? 'Stripe checks your document.' : text)
  write('kyc-help', details.reason_code ? `Reason: ${details.reason_code.replaceAll('_', ' ')}.` : '')
  show(status !== 'passed' && !isChecking, 'verify')
  return status === 'passed' || status === 'failed' || Boolean(details.reason_code)
}
