// Sign in, or sign up. The seeded people have a button each.

import { byId, element, onSubmit, parameter, write } from './dom.js'
import { openPage } from './page.js'
import { signIn, signUp } from './session.js'

/** The people of supabase/seed.sql. */
const PEOPLE = [
  ['Shirley', 'sells a surfboard and mugs'],
  ['Bruce', 'sells a camera'],
  ['Kylie', 'bids'],
  ['Angus', 'bids'],
]
const PASSWORD = 'aussie-market'

/** Go to the page that asked for the sign-in. Only an address of this site is taken. */
function goOn() {
  const next = new URL(parameter('next') ?? '/', location.origin)
  location.assign(next.origin === location.origin ? next : '/')
}

async function signInAs(name) {
  try {
    await signIn(`${name.toLowerCase()}@example.test`, PASSWORD)
    goOn()
  } catch (error) {
    write('people-problem', error.message)
  }
}

await openPage()
byId('people').append(
  ...PEOPLE.map(([name, role]) =>
    element('li', {},
      element('button', { type: 'button', class: 'choice', click: () => signInAs(name) },
        element('strong', {}, name), ` ${role}`)),
  ),
)
onSubmit(byId('sign-in'), async ({ email, password }) => {
  await signIn(email, password)
  goOn()
})
onSubmit(byId('sign-up'), async ({ email, password, name }) => {
  await signUp(email, password, name)
  goOn()
})
