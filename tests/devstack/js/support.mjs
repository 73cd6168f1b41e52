// Clients of the gateway under test, users, and bounded waiting.
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

// The longest wait on a busy machine.
const TIMEOUT_MS = 30_000
// The time-out of realtime-js for a reply; no other timer has this number.
const REALTIME_TIMEOUT_MS = TIMEOUT_MS + 1
// The time-out of realtime-js for the close of a socket, which no option changes.
const DISCONNECT_MS = 10_000
// realtime-js does not stop these two timers, and they must not keep the process alive.
const { setTimeout: plainTimeout } = globalThis
globalThis.setTimeout = (callback, delay, ...rest) => {
  const timer = plainTimeout(callback, delay, ...rest)
  return [REALTIME_TIMEOUT_MS, DISCONNECT_MS].includes(delay) ? timer.unref() : timer
}

const clients = []
// In parallel, because each client waits for the close of its socket.
after(() => Promise.all(clients.map((client) => client.removeAllChannels())))

/** Make a client that is closed after the tests of the file. */
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

/** Sign a new user up, with a row in the market; return the client, the id and the address. */
export async function person(options) {
  const client = connect(publishableKey, options)
  const email = newEmail()
  const { user } = unwrap(await client.auth.signUp({ email, password: PASSWORD }))
  const row = { id: user.id, email, display_name: email.split('@')[0] }
  unwrap(await service().from('users').insert(row))
  return { client, id: user.id, email }
}

const people = new Map()

/** Return a user that the tests of a file share by a name, because a sign-up takes long. */
export function shared(name) {
  if (!people.has(name)) people.set(name, person())
  return people.get(name)
}

/** Return an unused address. */
export function newEmail() {
  return `${randomUUID().slice(0, 13)}@example.com`
}

/** Return an unused number for a row. */
export function newId() {
  return Number.parseInt(randomUUID().slice(0, 7), 16) + 1000
}

/** Return the data of an answer; throw its error. */
export function unwrap({ data, error }) {
  if (error) throw new Error(`${error.code}: ${error.message}`, { cause: error })
  return data
}

/** Wait for a promise, at most as long as a busy machine may need. */
export async function within(promise, what) {
  let timer
  const timeout = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come`)), TIMEOUT_MS)
  })
  try {
    return await Promise.race([promise, timeout])
  } finally {
    clearTimeout(timer)
  }
}

/** The received items, in order; each is taken once. */
export class Inbox {
  #items = []
  #waiting = []

  /** Add an item; also usable as a callback. */
  add = (item) => {
    this.#items.push(item)
    for (const look of [...this.#waiting]) look()
  }

  /** Return the next item that fits, and drop the items before it. */
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

/** Subscribe a channel and wait for the subscription; `states` gets all its states. */
export async function subscribed(channel, states = new Inbox()) {
  channel.subscribe((status, error) => states.add({ status, error }))
  const { status, error } = await states.next(() => true, `the subscription of ${channel.topic}`)
  if (status !== 'SUBSCRIBED') throw new Error(status, { cause: error })
  return channel
}
