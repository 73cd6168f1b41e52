// The signed-in person. Supabase Auth keeps the session and refreshes its token.

import { supabase } from './client.js'

/** Return the signed-in user, or null. */
export async function currentUser() {
  const { data } = await supabase.auth.getSession()
  return data.session?.user ?? null
}

/** Return the signed-in user; send everybody else to the sign-in page, and back afterwards. */
export async function requireUser() {
  const user = await currentUser()
  if (user) return user
  location.replace(signInAddress())
  return new Promise(() => {})
}

/** Return the address of the sign-in page that leads back to this page. */
export function signInAddress() {
  return `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`
}

/** Sign a person in by password. */
export async function signIn(email, password) {
  const { error } = await supabase.auth.signInWithPassword({ email, password })
  if (error) throw error
}

/** Make an account. A trigger in the database makes the profile, with the name that others see. */
export async function signUp(email, password, displayName) {
  const options = { data: { display_name: displayName } }
  const { data, error } = await supabase.auth.signUp({ email, password, options })
  if (error) throw error
  if (!data.session) throw new Error('Confirm your address by the mail, then sign in.')
}

/** End the session of this window. */
export async function signOut() {
  await supabase.auth.signOut({ scope: 'local' })
  location.assign('/')
}
