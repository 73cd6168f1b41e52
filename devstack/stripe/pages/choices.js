/** A page that offers choices and sends the chosen one to its own address. */

import { byId, chosen, element, leave, money, onSubmit, showChoices, state } from './page.js'

async function send() {
  const answer = await fetch(location.pathname, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(chosen(state.groups))
  })
  const body = await answer.json()
  if (!answer.ok) throw new Error(body.error.message)
  leave(body.redirect_to)
}

byId('title').textContent = state.title
if (state.amount) {
  byId('amount').textContent = money(state.amount, state.currency)
  byId('amount').hidden = false
}
for (const [name, value] of Object.entries(state.facts)) {
  byId('facts').append(
    element('div', {}, element('dt', {}, name), element('dd', {}, value))
  )
}
if (state.leave) {
  byId('leave').textContent = state.leave
  byId('leave').hidden = false
  byId('leave').addEventListener('click', () => leave(state.return_url))
}
showChoices(state.groups)
onSubmit(send)
byId('submit').disabled = false
