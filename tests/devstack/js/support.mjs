// What the tests share: clients of the gateway under test, people, and waiting for what must come.
import { randomUUID } from 'node:crypto'
import { after } from 'node:test'
import { createClient } from '@supabase/supabase-js'

export const url = process.env.SUPABASE_URL
export const publishableKey = process.env.SUPABASE_PUBLISHABLE_KEY
export const secretKey = process.env.SUPABASE_SECRET_KEY
export const anonJwt = process.env.SUPABASE_ANON_JWT
export const serviceRoleJwt = process.env.SUPABASE_SERVICE_ROLE_JWT
export const jwtSecret = process.env.SUPABASE_JWT_SECRET
export const PASSWORD = 'correct horse'

// How long anything may take on a busy machine.
const PATIENCE_MS = 30_000
// How long realtime-js is to wait for the answer to a message; a number that no other timer has.
const REALTIME_TIMEOUT_MS = PATIENCE_MS + 1
// How long it waits for a socket to close, which no option changes.
const DISCONNECT_MS = 10_000
// It lets both timers run on when the answer is there or none was asked for. They must not hold
// the process until then.
const { setTimeout: plainTimeout } = globalThis
globalThis.setTimeout = (callback, delay, ...rest) => {
  const timer = plainTimeout(callback, delay, ...rest)
  return [REALTIME_TIMEOUT_MS, DISCONNECT_MS].includes(delay) ? timer.unref() : timer
}

const clients = []
// All at once: each waits a while to see its socket closed.
after(() => Promise.all(clients.map((client) => client.removeAllChannels())))

/** Make a client that is closed when the tests of the file are over. */
export function connect(key = publishableKey, options = {}) {
  const auth = { autoRefreshToken: false, persistSession: false, ...options.auth }
  const realtime = { timeout: REALTIME_TIMEOUT_MS, ...options.realtime }
  const client = createClient(url, key, { ...options, auth, realtime })
  clients.push(client)
  return client
}

/** Make a client for the tables of the documentation. */
export function documented(key) {
  return connect(key, { db: { schema: 'docs' } })
}

/** Make a client with the secret key. */
export function service() {
  return connect(secretKey)
}

/** Sign somebody new up, with a row in the market; return their client and their id. */
export async function person(options) {
  const client = connect(publishableKey, options)
  const email = newEmail()
  const { user } = unwrap(await client.auth.signUp({ email, password: PASSWORD }))
  const row = { id: user.id, email, display_name: email.split('@')[0] }
  unwrap(await service().from('users').insert(row))
  return { client, id: user.id, email }
}

const people = new Map()

/** Return somebody whom the tests of a file share, by a name: to sign up takes its time. */
export function shared(name) {
  if (!people.has(name)) people.set(name, person())
  return people.get(name)
}

/** Return an address that nobody has. */
export function newEmail() {
  return `${randomUUID().slice(0, 13)}@example.com`
}

/** Return a number that no other row has. */
export function newId() {
  return Number.parseInt(randomUUID().slice(0, 7), 16) + 1000
}

/** Return the data of an answer that must be no error. */
export function unwrap({ data, error }) {
  if (error) throw new Error(`${error.code}: ${error.message}`, { cause: error })
  return data
}

/** Wait for a promise no longer than a busy machine may need. */
export async function within(promise, what) {
  let timer
  const patience = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come`)), PATIENCE_MS)
  })
  try {
    return await Promise.race([promise, patience])
  } finally {
    clearTimeout(timer)
  }
}

/** What came in, in order; each is taken once. */
export class Inbox {
  #items = []
  #waiting = []

  /** Take one in; a callback by itself. */
  add = (item) => {
    this.#items.push(item)
    for (const look of [...this.#waiting]) look()
  }

  /** Return the next one that fits, and drop those before it. */
  next(fits = () => true, what = 'what was waited for') {
    const { promise, resolve } = Promise.withResolvers()
    const look = () => {
      const index = this.#items.findIndex(fits)
      if (index < 0) return
      const [found] = this.#items.splice(0, index + 1).slice(-1)
      this.#waiting.splice(this.#waiting.indexOf(look), 1)
      resolve(found)
    }
    this.#waiting.push(look)
    look()
    return within(promise, what)
  }
}

/** Subscribe a channel and wait until it is; `states` takes in all that is said of it. */
export async function subscribed(channel, states = new Inbox()) {
  channel.subscribe((status, error) => states.add({ status, error }))
  const { status, error } = await states.next(() => true, `the subscription of ${channel.topic}`)
  if (status !== 'SUBSCRIBED') throw new Error(status, { cause: error })
  return channel
}
