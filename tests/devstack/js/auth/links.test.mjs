// https://supabase.com/docs/reference/javascript/auth-admin-generatelink, auth-verifyotp,
// auth-resetpasswordforemail and their neighbours
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, Inbox, newEmail, PASSWORD, person, service, unwrap, url } from '../support.mjs'

/** Generate a link as admin. */
async function link(params) {
  return unwrap(await service().auth.admin.generateLink(params))
}

test('generateLink: Generate a signup link, and follow it by its hash', async () => {
  const email = newEmail()

  const { user, properties } = await link({ type: 'signup', email, password: PASSWORD })

  assert.equal(user.email, email)
  assert.deepEqual([properties.verification_type, properties.email_otp.length], ['signup', 6])
  assert.match(properties.action_link, /\/auth\/v1\/verify\?token=.+&type=signup&redirect_to=/)
  const client = connect()
  const before = await client.auth.signInWithPassword({ email, password: PASSWORD })
  assert.equal(before.error.code, 'email_not_confirmed')
  const { data, error } = await client.auth.verifyOtp({
    token_hash: properties.hashed_token,
    type: 'email',
  })
  assert.equal(error, null)
  assert.equal(data.session.user.id, user.id)
})

test('generateLink: Generate a recovery link, and set a new password', async () => {
  const { email } = await person()
  const { properties } = await link({ type: 'recovery', email })
  const client = connect()
  const events = new Inbox()
  const { data: listening } = client.auth.onAuthStateChange((event) => events.add(event))

  const { error } = await client.auth.verifyOtp({
    email,
    token: properties.email_otp,
    type: 'recovery',
  })

  assert.equal(error, null)
  await events.next((event) => event === 'PASSWORD_RECOVERY')
  listening.subscription.unsubscribe()
  unwrap(await client.auth.updateUser({ password: 'a new password' }))
  const again = await connect().auth.signInWithPassword({ email, password: 'a new password' })
  assert.equal(again.error, null)
})

for (const type of ['magiclink', 'invite']) {
  test(`generateLink: Generate a link of type ${type}`, async () => {
    const email = newEmail()
    const { properties } = await link({ type, email })

    const { data, error } = await connect().auth.verifyOtp({
      token_hash: properties.hashed_token,
      type: properties.verification_type,
    })

    assert.equal(error, null)
    assert.equal(data.user.email, email)
  })
}

test('generateLink: an address change waits for its confirmation', async () => {
  const { client, email } = await person()
  const newAddress = newEmail()

  const { data } = await client.auth.updateUser({ email: newAddress })
  assert.deepEqual([data.user.email, data.user.new_email], [email, newAddress])
  const { properties } = await link({ type: 'email_change_new', email, newEmail: newAddress })
  const verified = await connect().auth.verifyOtp({
    token_hash: properties.hashed_token,
    type: 'email_change',
  })

  assert.equal(verified.error, null)
  assert.equal(verified.data.user.email, newAddress)
})

test('generateLink: an unknown address', async () => {
  const { error } = await service().auth.admin.generateLink({
    type: 'recovery',
    email: newEmail(),
  })

  assert.deepEqual([error.status, error.code], [404, 'user_not_found'])
})

test('verifyOtp: a wrong code, and a used one', async () => {
  const { email } = await person()
  const { properties } = await link({ type: 'recovery', email })
  const verify = (token) => connect().auth.verifyOtp({ email, token, type: 'recovery' })
  const other = properties.email_otp === '000000' ? '111111' : '000000'

  const wrong = await verify(other)
  unwrap(await verify(properties.email_otp))
  const used = await verify(properties.email_otp)

  for (const { error } of [wrong, used]) {
    assert.deepEqual(
      [error.status, error.code, error.message],
      [403, 'otp_expired', 'Token has expired or is invalid'],
    )
  }
})

test('resetPasswordForEmail: known and unknown addresses get the same answer', async () => {
  const { email } = await person()

  const known = await connect().auth.resetPasswordForEmail(email)
  const unknown = await connect().auth.resetPasswordForEmail(newEmail())

  assert.deepEqual([known.error, unknown.error], [null, null])
  assert.deepEqual(known.data, unknown.data)
})

test('inviteUserByEmail: Invite a user', async () => {
  const email = newEmail()

  const { data, error } = await service().auth.admin.inviteUserByEmail(email)

  assert.equal(error, null)
  assert.equal(data.user.email, email)
  assert.ok(data.user.invited_at)
})

test('resend: Resend an email signup confirmation', async () => {
  const email = newEmail()
  unwrap(await service().auth.admin.createUser({ email, password: PASSWORD }))

  const { error } = await connect().auth.resend({ type: 'signup', email })

  assert.equal(error, null)
})

test('reauthenticate: Send reauthentication nonce', async () => {
  const { client } = await person()

  const { error } = await client.auth.reauthenticate()

  assert.equal(error, null)
})

/** Return the latest mail to an address from the control API. */
async function mail(to) {
  const answer = await fetch(`${url}/_control/mails?to=${encodeURIComponent(to)}`)
  return (await answer.json()).mails[0]
}

test('signInWithOtp: Sign in with email, by the code', async () => {
  const [email, client] = [newEmail(), connect()]
  const options = { data: { first_name: 'Ada' } }
  assert.equal((await client.auth.signInWithOtp({ email, options })).error, null)

  const { code: token } = await mail(email)
  const { data, error } = await client.auth.verifyOtp({ email, token, type: 'email' })

  assert.equal(error, null)
  assert.equal(data.session.user.email, email)
  assert.equal(data.session.user.user_metadata.first_name, 'Ada')
})

test('signInWithOtp: Sign in with email, by the link', async () => {
  const { email, client } = await person()
  const options = { emailRedirectTo: 'http://127.0.0.1:3000/welcome', shouldCreateUser: false }
  assert.equal((await connect().auth.signInWithOtp({ email, options })).error, null)

  const answer = await fetch((await mail(email)).link, { redirect: 'manual' })

  const [target, fragment] = answer.headers.get('location').split('#')
  assert.equal(target, options.emailRedirectTo)
  const fields = new URLSearchParams(fragment)
  const other = connect()
  const { data } = await other.auth.setSession({
    access_token: fields.get('access_token'),
    refresh_token: fields.get('refresh_token'),
  })
  assert.equal(data.user.id, (await client.auth.getUser()).data.user.id)
})

test('signInWithOtp: an unknown address without sign-up', async () => {
  const options = { shouldCreateUser: false }

  const { error } = await connect().auth.signInWithOtp({ email: newEmail(), options })

  assert.deepEqual([error.status, error.code], [422, 'otp_disabled'])
})

// Errors of a project that has not enabled these ways of signing in.
const SWITCHED_OFF = {
  signInAnonymously: [(auth) => auth.signInAnonymously(), 422, 'anonymous_provider_disabled'],
  'signInWithOtp by phone': [
    (auth) => auth.signInWithOtp({ phone: '13334445555' }),
    400,
    'phone_provider_disabled',
  ],
  'signUp by phone': [
    (auth) => auth.signUp({ phone: '13334445555', password: PASSWORD }),
    400,
    'phone_provider_disabled',
  ],
  signInWithIdToken: [
    (auth) => auth.signInWithIdToken({ provider: 'google', token: 'a.b.c' }),
    400,
    'provider_disabled',
  ],
  signInWithSSO: [
    (auth) => auth.signInWithSSO({ domain: 'company.com' }),
    404,
    'saml_provider_disabled',
  ],
}

for (const [name, [call, status, code]] of Object.entries(SWITCHED_OFF)) {
  test(`${name}: a disabled way of signing in is an error`, async () => {
    const { error } = await call(connect().auth)

    assert.deepEqual([error.status, error.code], [status, code])
  })
}

test('signInWithOAuth: the address answers that the provider is disabled', async () => {
  const { data } = await connect().auth.signInWithOAuth({ provider: 'github' })

  const answer = await fetch(data.url, { redirect: 'manual' })

  assert.equal(answer.status, 400)
  assert.match((await answer.json()).msg, /provider is not enabled/)
})
