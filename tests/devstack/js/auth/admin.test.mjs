// https://supabase.com/docs/reference/javascript/admin-api and the pages of its methods
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { connect, newEmail, PASSWORD, person, service, unwrap } from '../support.mjs'

/** Create a user as admin. */
async function created(attributes = {}) {
  const { admin } = service().auth
  const email = newEmail()
  const confirmed = { email, password: PASSWORD, email_confirm: true, ...attributes }
  const { user } = unwrap(await admin.createUser(confirmed))
  return { admin, user, email }
}

const signIn = (email, password = PASSWORD) =>
  connect().auth.signInWithPassword({ email, password })

test('createUser: With custom user metadata', async () => {
  const { user } = await created({
    user_metadata: { name: 'Yoda' },
    app_metadata: { plan: 'trial' },
  })

  assert.equal(user.user_metadata.name, 'Yoda')
  assert.equal(user.app_metadata.plan, 'trial')
})

test('createUser: Auto-confirm the email', async () => {
  const { user, email } = await created()

  assert.ok(user.email_confirmed_at)
  assert.equal((await signIn(email)).error, null)
})

test('createUser: an unconfirmed user cannot sign in', async () => {
  const { email } = await created({ email_confirm: false })

  const { error } = await signIn(email)

  assert.deepEqual([error.status, error.code], [400, 'email_not_confirmed'])
})

test('createUser: a taken address', async () => {
  const { admin, email } = await created()

  const { error } = await admin.createUser({ email, password: PASSWORD })

  assert.deepEqual([error.status, error.code], [422, 'email_exists'])
})

test('listUsers: Get a page of users', async () => {
  const { admin } = await created()

  const { data, error } = await admin.listUsers()

  assert.equal(error, null)
  assert.equal(data.aud, 'authenticated')
  assert.ok(data.users.length >= 1 && data.users.length <= 50)
})

test('listUsers: Paginated list of users', async () => {
  const { admin } = await created()
  await created()

  const { data } = await admin.listUsers({ page: 1, perPage: 1 })
  const { data: all } = await admin.listUsers({ page: 1, perPage: 1000 })

  assert.equal(data.users.length, 1)
  assert.equal(data.nextPage, 2)
  assert.ok(data.total >= 2)
  assert.deepEqual([all.nextPage, all.lastPage, all.total], [null, 1, all.users.length])
})

test('getUserById: Fetch the user object', async () => {
  const { admin, user } = await created()

  const { data } = await admin.getUserById(user.id)

  assert.equal(data.user.email, user.email)
})

test('getUserById: an unknown id', async () => {
  const { error } = await service().auth.admin.getUserById(randomUUID())

  assert.deepEqual([error.status, error.code], [404, 'user_not_found'])
})

test("updateUserById: Updates a user's email", async () => {
  const { admin, user } = await created()
  const email = newEmail()

  const { data } = await admin.updateUserById(user.id, { email })

  assert.equal(data.user.email, email)
  assert.equal((await signIn(email)).error, null)
})

test("updateUserById: Updates a user's password", async () => {
  const { admin, user, email } = await created()

  await admin.updateUserById(user.id, { password: 'new_password' })

  assert.equal((await signIn(email)).error.code, 'invalid_credentials')
  assert.equal((await signIn(email, 'new_password')).error, null)
})

test("updateUserById: Updates a user's metadata by merging", async () => {
  const { admin, user } = await created({ user_metadata: { name: 'Yoda' } })

  const { data } = await admin.updateUserById(user.id, {
    user_metadata: { hello: 'world' },
    app_metadata: { plan: 'trial' },
  })

  const { name, hello } = data.user.user_metadata
  assert.deepEqual({ name, hello }, { name: 'Yoda', hello: 'world' })
  assert.equal(data.user.app_metadata.plan, 'trial')
  assert.equal(data.user.app_metadata.provider, 'email')
})

test("updateUserById: Confirms a user's email address", async () => {
  const { admin, user, email } = await created({ email_confirm: false })

  await admin.updateUserById(user.id, { email_confirm: true })

  assert.equal((await signIn(email)).error, null)
})

test('updateUserById: Ban a user for 100 years', async () => {
  const { admin, user, email } = await created()

  const { data } = await admin.updateUserById(user.id, { ban_duration: '876000h' })

  assert.ok(new Date(data.user.banned_until) > new Date())
  const { error } = await signIn(email)
  assert.deepEqual([error.status, error.code], [400, 'user_banned'])
})

test('deleteUser: Removes a user', async () => {
  const { admin, user, email } = await created()

  const { error } = await admin.deleteUser(user.id)

  assert.equal(error, null)
  assert.equal((await admin.getUserById(user.id)).error.code, 'user_not_found')
  assert.equal((await signIn(email)).error.code, 'invalid_credentials')
})

test('deleteUser: a soft delete keeps rows that refer to the user', async () => {
  const { admin, user, email } = await created()

  const { error } = await admin.deleteUser(user.id, true)

  assert.equal(error, null)
  assert.equal((await signIn(email)).error.code, 'invalid_credentials')
})

test('signOut: the admin ends a session by its token', async () => {
  const { client } = await person()
  const { session } = unwrap(await client.auth.getSession())

  const { error } = await service().auth.admin.signOut(session.access_token)

  assert.equal(error, null)
  assert.equal((await client.auth.refreshSession()).error.code, 'refresh_token_not_found')
})

test('Only the secret key opens the admin API', async () => {
  const { client } = await person()

  const anonymous = await connect().auth.admin.listUsers()
  const signedIn = await client.auth.admin.listUsers()

  for (const { data, error } of [anonymous, signedIn]) {
    assert.deepEqual(data, { users: [] })
    assert.deepEqual([error.status, error.code], [403, 'not_admin'])
  }
})
