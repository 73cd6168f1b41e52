// https://supabase.com/docs/reference/javascript/auth-signup and the pages of a session's methods
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, Inbox, newEmail, PASSWORD, person, shared, unwrap } from '../support.mjs'

/** Sign the user in again, on a second client. */
async function signedIn({ email }) {
  const client = connect()
  unwrap(await client.auth.signInWithPassword({ email, password: PASSWORD }))
  return client
}

test('signUp: Sign up with an email and password', async () => {
  const email = newEmail()

  const { data, error } = await connect().auth.signUp({ email, password: PASSWORD })

  assert.equal(error, null)
  assert.equal(data.user.email, email)
  assert.equal(data.user.aud, 'authenticated')
  assert.equal(data.user.identities[0].provider, 'email')
  assert.deepEqual(data.user.app_metadata, { provider: 'email', providers: ['email'] })
  assert.equal(data.session.token_type, 'bearer')
  assert.equal(data.session.user.id, data.user.id)
  assert.ok(data.session.expires_at > Date.now() / 1000)
})

test('signUp: Sign up with additional user metadata', async () => {
  const metadata = { first_name: 'John', age: 27 }

  const { data } = await connect().auth.signUp({
    email: newEmail(),
    password: PASSWORD,
    options: { data: metadata },
  })

  const { first_name, age } = data.user.user_metadata
  assert.deepEqual({ first_name, age }, metadata)
})

test('signUp: a taken address', async () => {
  const { email } = await shared('user')

  const { data, error } = await connect().auth.signUp({ email, password: PASSWORD })

  assert.deepEqual(data, { user: null, session: null })
  assert.equal(error.name, 'AuthApiError')
  assert.deepEqual(
    [error.status, error.code, error.message],
    [422, 'user_already_exists', 'User already registered'],
  )
})

test('signUp: a weak password has its reasons', async () => {
  const { error } = await connect().auth.signUp({ email: newEmail(), password: 'short' })

  assert.equal(error.name, 'AuthWeakPasswordError')
  assert.deepEqual([error.status, error.code, error.reasons], [422, 'weak_password', ['length']])
})

test('signInWithPassword: Sign in with email and password', async () => {
  const { email, id } = await shared('user')

  const { data, error } = await connect().auth.signInWithPassword({ email, password: PASSWORD })

  assert.equal(error, null)
  assert.equal(data.user.id, id)
  assert.equal(data.session.expires_in, 3600)
})

test('signInWithPassword: Handling errors', async () => {
  const { email } = await shared('user')

  const { data, error } = await connect().auth.signInWithPassword({ email, password: 'guessed' })

  assert.deepEqual(data, { user: null, session: null })
  assert.deepEqual(
    [error.name, error.status, error.code, error.message],
    ['AuthApiError', 400, 'invalid_credentials', 'Invalid login credentials'],
  )
})

test("getSession and getUser: the client's own session", async () => {
  const { client, id } = await shared('user')

  const { data: kept } = await client.auth.getSession()
  const { data: byServer } = await client.auth.getUser()
  const { data: byToken } = await connect().auth.getUser(kept.session.access_token)

  assert.deepEqual([kept.session.user.id, byServer.user.id, byToken.user.id], [id, id, id])
})

test('getUser: without a session, and with a forged token', async () => {
  const client = connect()

  const missing = await client.auth.getUser()
  const forged = await client.auth.getUser('a.b.c')

  assert.equal(missing.error.name, 'AuthSessionMissingError')
  assert.deepEqual([forged.error.status, forged.error.code], [403, 'bad_jwt'])
})

test('refreshSession: Refresh session using the current session', async () => {
  const { client } = await person()
  const before = unwrap(await client.auth.getSession()).session

  const { data, error } = await client.auth.refreshSession()

  assert.equal(error, null)
  assert.notEqual(data.session.refresh_token, before.refresh_token)
  assert.equal(data.user.id, before.user.id)
})

test('refreshSession: Refresh session using a refresh token', async () => {
  const { client, id } = await person()
  const { refresh_token } = unwrap(await client.auth.getSession()).session

  const { data } = await connect().auth.refreshSession({ refresh_token })

  assert.equal(data.user.id, id)
})

test('refreshSession: an unknown token', async () => {
  const { data, error } = await connect().auth.refreshSession({ refresh_token: 'no-such-token' })

  assert.deepEqual(data, { user: null, session: null })
  assert.deepEqual(
    [error.status, error.code, error.message],
    [400, 'refresh_token_not_found', 'Invalid Refresh Token: Refresh Token Not Found'],
  )
})

test('setSession: Set the session', async () => {
  const { client, id } = await shared('user')
  const { access_token, refresh_token } = unwrap(await client.auth.getSession()).session
  const other = connect()

  const { data, error } = await other.auth.setSession({ access_token, refresh_token })

  assert.equal(error, null)
  assert.equal(data.user.id, id)
  const { data: seen } = await other.rpc('whoami')
  assert.equal(seen.uid, id)
})

test('updateUser: Update the metadata', async () => {
  const { client } = await person()

  const { data } = await client.auth.updateUser({ data: { hello: 'world' } })

  assert.equal(data.user.user_metadata.hello, 'world')
  const { data: kept } = await client.auth.getSession()
  assert.equal(kept.session.user.user_metadata.hello, 'world')
})

test('updateUser: Update the password', async () => {
  const { client, email } = await person()

  const { error } = await client.auth.updateUser({ password: 'a new password' })

  assert.equal(error, null)
  const signIn = (password) => connect().auth.signInWithPassword({ email, password })
  assert.equal((await signIn(PASSWORD)).error.code, 'invalid_credentials')
  assert.equal((await signIn('a new password')).error, null)
})

test('updateUser: the same password again', async () => {
  const { client } = await shared('user')

  const { error } = await client.auth.updateUser({ password: PASSWORD })

  assert.deepEqual([error.status, error.code], [422, 'same_password'])
})

test('getUserIdentities: Returns a list of identities linked to the user', async () => {
  const { client, email } = await shared('user')

  const { data } = await client.auth.getUserIdentities()

  assert.equal(data.identities.length, 1)
  assert.equal(data.identities[0].provider, 'email')
  assert.equal(data.identities[0].identity_data.email, email)
})

test('signOut: Sign out of every device', async () => {
  const user = await person()
  const other = await signedIn(user)

  const { error } = await user.client.auth.signOut()

  assert.equal(error, null)
  assert.equal(unwrap(await user.client.auth.getSession()).session, null)
  assert.equal((await other.auth.refreshSession()).error.code, 'refresh_token_not_found')
})

test('signOut: Sign out only the current session', async () => {
  const user = await person()
  const other = await signedIn(user)

  await user.client.auth.signOut({ scope: 'local' })

  assert.equal((await other.auth.getUser()).error, null)
})

test('signOut: Sign out of all other sessions, keep the current one', async () => {
  const user = await person()
  const other = await signedIn(user)

  await user.client.auth.signOut({ scope: 'others' })

  assert.equal((await user.client.auth.getUser()).error, null)
  // The client forgets a session that the server does not know.
  assert.equal((await other.auth.getUser()).error.name, 'AuthSessionMissingError')
})

test('onAuthStateChange: each change of a session is one event', async () => {
  const client = connect()
  const events = new Inbox()
  const { data } = client.auth.onAuthStateChange((event) => events.add(event))
  await events.next((event) => event === 'INITIAL_SESSION')

  await client.auth.signUp({ email: newEmail(), password: PASSWORD })
  await client.auth.refreshSession()
  await client.auth.updateUser({ data: { a: 1 } })
  await client.auth.signOut({ scope: 'local' })

  const seen = []
  while (seen.at(-1) !== 'SIGNED_OUT') seen.push(await events.next())
  assert.deepEqual(seen, ['SIGNED_IN', 'TOKEN_REFRESHED', 'USER_UPDATED', 'SIGNED_OUT'])
  data.subscription.unsubscribe()
})
