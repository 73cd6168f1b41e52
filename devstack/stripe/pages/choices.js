/** A page that offers choices and sends the chosen one to its own address. */

import { at, chosen, element, leave, money, onSubmit, showChoices, state } from './page.js'

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

at('title').textContent = state.title
if (state.amount) {
  at('amount').textContent = money(state.amount, state.currency)
  at('amount').hidden = false
}
for (const [name, value] of Object.entries(state.facts)) {
  at('facts').append(
    element('div', {}, element('dt', {}, name), element('dd', {}, value))
  )
}
if (state.leave) {
  at('leave').textContent = state.leave
  at('leave').hidden = false
  at('leave').addEventListener('click', () => leave(state.return_url))
}
showChoices(state.groups)
onSubmit(send)
at('submit').disabled = false
