// https://supabase.com/docs/reference/javascript/initializing: sessions in a storage, refreshed
// without a timer as on a server
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, Inbox, newEmail, PASSWORD, publishableKey, unwrap } from '../support.mjs'

const KEY = 'session'

/** Make a client that stores its session in a map. */
function keeping(kept, options = {}) {
  const storage = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  }
  const auth = { storage, storageKey: KEY, persistSession: true, ...options }
  return connect(publishableKey, { auth })
}

/** Sign a user up; return the storage of the session. */
async function keptSession() {
  const kept = new Map()
  const credentials = { email: newEmail(), password: PASSWORD }
  const { user } = unwrap(await keeping(kept).auth.signUp(credentials))
  return { kept, id: user.id }
}

test('A session outlives the client that began it', async () => {
  const { kept, id } = await keptSession()

  const later = keeping(kept)

  assert.equal(unwrap(await later.auth.getUser()).user.id, id)
  const { data } = await later.rpc('whoami')
  assert.equal(data.uid, id)
})

test('getSession refreshes an expired session', async () => {
  const { kept, id } = await keptSession()
  const old = JSON.parse(kept.get(KEY))
  kept.set(KEY, JSON.stringify({ ...old, expires_at: 1 }))
  const later = keeping(kept, { autoRefreshToken: false })

  const { session } = unwrap(await later.auth.getSession())

  assert.equal(session.user.id, id)
  assert.notEqual(session.refresh_token, old.refresh_token)
  assert.ok(session.expires_at > Date.now() / 1000)
  assert.equal(JSON.parse(kept.get(KEY)).refresh_token, session.refresh_token)
})

test('The client removes a session that it cannot refresh', async () => {
  const { kept } = await keptSession()
  const old = JSON.parse(kept.get(KEY))
  kept.set(KEY, JSON.stringify({ ...old, expires_at: 1, refresh_token: 'no-such-token' }))

  const { data } = await keeping(kept).auth.getSession()

  assert.equal(data.session, null)
  assert.equal(kept.has(KEY), false)
})

test('autoRefreshToken refreshes a session', async () => {
  const { kept } = await keptSession()
  const old = JSON.parse(kept.get(KEY))
  const client = keeping(kept)
  const events = new Inbox()
  const { data } = client.auth.onAuthStateChange((event) => events.add(event))
  await events.next((event) => event === 'INITIAL_SESSION')
  kept.set(KEY, JSON.stringify({ ...old, expires_at: Math.floor(Date.now() / 1000) + 5 }))

  await client.auth.startAutoRefresh()
  await events.next((event) => event === 'TOKEN_REFRESHED', 'the refresh')
  await client.auth.stopAutoRefresh()

  assert.notEqual(JSON.parse(kept.get(KEY)).refresh_token, old.refresh_token)
  data.subscription.unsubscribe()
})

test('Two clients that refresh one session at once both keep it', async () => {
  const { kept } = await keptSession()
  const { refresh_token } = JSON.parse(kept.get(KEY))

  const answers = await Promise.all(
    [connect(), connect()].map((client) => client.auth.refreshSession({ refresh_token })),
  )

  const tokens = answers.map((answer) => unwrap(answer).session.refresh_token)
  assert.equal(tokens[0], tokens[1])
})
