/** The dashboard of a seller: balance, transfers and payouts. */

import { byId, element, money, state } from './page.js'

const amounts = Object.entries(state.balance)

/** Sum up one side of the balance, by currency. */
function balance(side) {
  return amounts.map(([currency, both]) => money(both[side], currency)).join(', ') || money(0, 'aud')
}

function row(item) {
  const time = new Date(item.created * 1000)
  const when = element('time', { dateTime: time.toISOString() }, time.toLocaleString('en-AU'))
  const reversed = item.amount_reversed ? `, ${money(item.amount_reversed, item.currency)} taken back` : ''
  const what = element('span', {}, (item.description ?? item.id) + reversed, element('small', {}, when))
  return element('li', {}, what, element('strong', {}, money(item.amount, item.currency)))
}

function list(id, items) {
  if (items.length) byId(id).append(...items.map(row))
  else byId(id).append(element('li', { className: 'hint' }, 'None yet.'))
}

byId('account').textContent = state.account
byId('available').textContent = balance('available')
byId('pending').textContent = balance('pending')
byId('enabled').textContent = state.payouts_enabled ? 'Enabled' : 'Not enabled'
list('transfers', state.transfers)
list('payouts', state.payouts)
