// https://supabase.com/docs/reference/javascript/auth-getclaims, and the keys behind it:
// https://supabase.com/docs/guides/auth/signing-keys
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { connect, jwtSecret, publishableKey, shared, unwrap, url } from '../support.mjs'

/** Sign claims with the legacy secret, as a project without signing keys does. */
function legacyToken(claims) {
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`
  return `${signed}.${createHmac('sha256', jwtSecret).update(signed).digest('base64url')}`
}

/** Make a client that records the paths of its requests. */
function watched(paths) {
  const noted = (input, init) => {
    paths.push(new URL(input instanceof Request ? input.url : input).pathname)
    return fetch(input, init)
  }
  return connect(publishableKey, { global: { fetch: noted } })
}

test('Get JWT claims, header and signature', async () => {
  const { client, id, email } = await shared('user')

  const { data, error } = await client.auth.getClaims()

  assert.equal(error, null)
  const { claims, header, signature } = data
  assert.equal(header.alg, 'ES256')
  assert.equal(header.typ, 'JWT')
  assert.ok(signature.length > 0)
  assert.deepEqual(
    [claims.sub, claims.email, claims.aud, claims.role, claims.aal, claims.iss],
    [id, email, 'authenticated', 'authenticated', 'aal1', `${url}/auth/v1`],
  )
  assert.equal(claims.amr[0].method, 'password')
  assert.match(claims.session_id, /^[0-9a-f-]{36}$/)
  assert.equal(claims.is_anonymous, false)
})

test('The client verifies the claims by the published key, without a request', async () => {
  const { client } = await shared('user')
  const { access_token: token } = unwrap(await client.auth.getSession()).session
  const paths = []

  const { error } = await watched(paths).auth.getClaims(token)

  assert.equal(error, null)
  assert.ok(!paths.includes('/auth/v1/user'), paths.join())
})

test('A changed token is refused', async () => {
  const { client } = await shared('user')
  const { access_token: token } = unwrap(await client.auth.getSession()).session
  const [header, payload, signature] = token.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url'))
  const changed = Buffer.from(JSON.stringify({ ...claims, role: 'service_role' }))

  const forged = [header, changed.toString('base64url'), signature].join('.')
  const { error } = await connect().auth.getClaims(forged)

  assert.match(error.message, /Invalid JWT signature/)
  const answer = await fetch(`${url}/rest/v1/rpc/whoami`, {
    headers: { apikey: publishableKey, Authorization: `Bearer ${forged}` },
  })
  assert.equal(answer.status, 401)
  assert.equal((await answer.json()).code, 'PGRST301')
})

test('A token of the legacy secret is verified by the server', async () => {
  const { client, id } = await shared('user')
  const { claims } = unwrap(await client.auth.getClaims())
  const paths = []

  const { data, error } = await watched(paths).auth.getClaims(legacyToken(claims))

  assert.equal(error, null)
  assert.equal(data.claims.sub, id)
  assert.ok(paths.includes('/auth/v1/user'), paths.join())
})

test('A session of another provider: accessToken decides the caller', async () => {
  const { id } = await shared('user')
  const exp = Math.floor(Date.now() / 1000) + 600
  const token = legacyToken({ sub: id, role: 'authenticated', exp })
  const client = connect(publishableKey, { accessToken: async () => token })

  const { data } = await client.rpc('whoami')

  assert.deepEqual([data.role, data.uid], ['authenticated', id])
})

test('An expired token', async () => {
  const token = legacyToken({ role: 'authenticated', exp: Math.floor(Date.now() / 1000) - 60 })
  const client = connect(publishableKey, { accessToken: async () => token })

  const { error, status } = await client.rpc('whoami')

  assert.deepEqual([status, error.code, error.message], [401, 'PGRST303', 'JWT expired'])
})
