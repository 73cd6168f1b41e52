// https://supabase.com/docs/reference/javascript/auth-mfa-api and the pages of its methods. Node
// computes the codes of RFC 6238.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { connect, Inbox, PASSWORD, person, service, unwrap } from '../support.mjs'

const STEP_S = 30
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Return the current code of an authenticator app. */
function codeOf(secret) {
  const bits = [...secret].map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0'))
  const bytes = bits.join('').match(/.{8}/g) ?? []
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 1000 / STEP_S)))
  const key = Buffer.from(bytes.map((byte) => Number.parseInt(byte, 2)))
  const digest = createHmac('sha1', key).update(counter).digest()
  const number = digest.readUInt32BE(digest.at(-1) & 15) & 0x7fffffff
  return String(number % 1_000_000).padStart(6, '0')
}

/** Return six digits that are not the secret's code. */
function wrongCode(secret) {
  return String((Number(codeOf(secret)) + 500_000) % 1_000_000).padStart(6, '0')
}

/** Enroll a factor and verify it, so that the session has two factors. */
async function enrolled() {
  const user = await person()
  const { mfa } = user.client.auth
  const factor = unwrap(await mfa.enroll({ factorType: 'totp', friendlyName: 'phone' }))
  const code = codeOf(factor.totp.secret)
  unwrap(await mfa.challengeAndVerify({ factorId: factor.id, code }))
  return { ...user, mfa, factor }
}

test('enroll: Enroll a time-based, one-time password (TOTP) factor', async () => {
  const { client } = await person()

  const { data, error } = await client.auth.mfa.enroll({
    factorType: 'totp',
    friendlyName: 'your_friendly_name',
    issuer: 'Aussie Market',
  })

  assert.equal(error, null)
  assert.deepEqual([data.type, data.friendly_name], ['totp', 'your_friendly_name'])
  assert.match(data.totp.uri, /^otpauth:\/\/totp\/Aussie%20Market:/)
  assert.match(data.totp.qr_code, /^data:image\/svg\+xml;utf-8,<(\?xml|svg)/)
  assert.match(data.totp.secret, /^[A-Z2-7]{32}$/)
})

test('challenge and verify: the session gets its second factor', async () => {
  const { client } = await person()
  const { mfa } = client.auth
  const factor = unwrap(await mfa.enroll({ factorType: 'totp' }))
  const events = new Inbox()
  const { data: listening } = client.auth.onAuthStateChange((event) => events.add(event))

  const challenge = unwrap(await mfa.challenge({ factorId: factor.id }))
  const { data, error } = await mfa.verify({
    factorId: factor.id,
    challengeId: challenge.id,
    code: codeOf(factor.totp.secret),
  })

  assert.equal(error, null)
  assert.equal(data.token_type, 'bearer')
  await events.next((event) => event === 'MFA_CHALLENGE_VERIFIED')
  listening.subscription.unsubscribe()
  const { claims } = unwrap(await client.auth.getClaims())
  assert.equal(claims.aal, 'aal2')
  assert.deepEqual(claims.amr.map(({ method }) => method).sort(), ['password', 'totp'])
})

test('verify: a wrong code', async () => {
  const { client } = await person()
  const { mfa } = client.auth
  const factor = unwrap(await mfa.enroll({ factorType: 'totp' }))

  const { data, error } = await mfa.challengeAndVerify({
    factorId: factor.id,
    code: wrongCode(factor.totp.secret),
  })

  assert.equal(data, null)
  assert.deepEqual(
    [error.status, error.code, error.message],
    [422, 'mfa_verification_failed', 'Invalid TOTP code entered'],
  )
})

test('getAuthenticatorAssuranceLevel: the current and the possible level', async () => {
  const { client, email, mfa } = await enrolled()
  const other = connect()
  unwrap(await other.auth.signInWithPassword({ email, password: PASSWORD }))

  const { data: here } = await mfa.getAuthenticatorAssuranceLevel()
  const { data: there } = await other.auth.mfa.getAuthenticatorAssuranceLevel()

  assert.deepEqual([here.currentLevel, here.nextLevel], ['aal2', 'aal2'])
  assert.deepEqual([there.currentLevel, there.nextLevel], ['aal1', 'aal2'])
  unwrap(await client.auth.refreshSession())
  const { data: refreshed } = await mfa.getAuthenticatorAssuranceLevel()
  assert.equal(refreshed.currentLevel, 'aal2')
})

test('listFactors: all of them, and the verified ones by kind', async () => {
  const { mfa, factor } = await enrolled()
  unwrap(await mfa.enroll({ factorType: 'totp', friendlyName: 'tablet' }))

  const { data } = await mfa.listFactors()

  assert.deepEqual(data.all.map(({ status }) => status).sort(), ['unverified', 'verified'])
  assert.deepEqual(
    data.totp.map(({ id }) => id),
    [factor.id],
  )
})

test('unenroll: without the second factor it is refused, with it the level falls', async () => {
  const { client, email, mfa, factor } = await enrolled()
  const other = connect()
  unwrap(await other.auth.signInWithPassword({ email, password: PASSWORD }))

  const refused = await other.auth.mfa.unenroll({ factorId: factor.id })
  const { data, error } = await mfa.unenroll({ factorId: factor.id })

  assert.deepEqual([refused.error.status, refused.error.code], [422, 'insufficient_aal'])
  assert.deepEqual({ data, error }, { data: { id: factor.id }, error: null })
  unwrap(await client.auth.refreshSession())
  const { data: level } = await mfa.getAuthenticatorAssuranceLevel()
  assert.equal(level.currentLevel, 'aal1')
})

test("challenge: a factor of another user", async () => {
  const { factor } = await enrolled()
  const { client } = await person()

  const { error } = await client.auth.mfa.challenge({ factorId: factor.id })

  assert.deepEqual([error.status, error.code], [404, 'mfa_factor_not_found'])
})

test("admin.mfa: an admin lists and deletes a user's factors", async () => {
  const { id, factor } = await enrolled()
  const { mfa } = service().auth.admin

  const { data } = await mfa.listFactors({ userId: id })
  const removed = await mfa.deleteFactor({ userId: id, id: factor.id })

  assert.deepEqual(
    data.factors.map((listed) => [listed.id, listed.status]),
    [[factor.id, 'verified']],
  )
  assert.equal(removed.error, null)
  const { data: rest } = await mfa.listFactors({ userId: id })
  assert.deepEqual(rest.factors, [])
})

test('enroll: a disabled phone factor is refused', async () => {
  const { client } = await person()

  const { error } = await client.auth.mfa.enroll({ factorType: 'phone', phone: '13334445555' })

  assert.deepEqual([error.status, error.code], [422, 'mfa_phone_enroll_not_enabled'])
})
