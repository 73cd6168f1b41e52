// Runs the examples of docs/api.md and writes one line of JSON for each: what it left in the variables
// `data`, `error`, `answer` and `channel`.
import { createClient } from '@supabase/supabase-js'

const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)
const { examples, access, environment } = JSON.parse(Buffer.concat(chunks).toString())

const options = { auth: { persistSession: false, autoRefreshToken: false } }
const user = createClient(environment.SUPABASE_URL, environment.SUPABASE_PUBLISHABLE_KEY, options)
await user.auth.setSession({ access_token: access.access_token, refresh_token: access.refresh_token })
const service = createClient(environment.SUPABASE_URL, environment.SUPABASE_SECRET_KEY, options)

// The pages of the web app reach the service at their own origin.
const fetchOfPage = (path, init) => fetch(new URL(path, environment.SERVICE_URL), init)
const LEFT = `
return {
  data: typeof data === 'undefined' ? undefined : data,
  error: typeof error === 'undefined' ? undefined : error,
  answer: typeof answer === 'undefined' ? undefined : answer,
  channel: typeof channel === 'undefined' ? undefined : channel,
}`
const AsyncFunction = (async () => {}).constructor

async function run(example) {
  const client = example.is_internal ? service : user
  const scope = { supabase: client, fetch: fetchOfPage, show: () => {}, ...example.variables }
  const left = await new AsyncFunction(...Object.keys(scope), example.code + LEFT)(...Object.values(scope))
  if (left.answer) return { status: left.answer.status, body: await left.answer.text() }
  if (left.channel) return { joined: await joined(left.channel, client) }
  const { data, error } = left
  return { data, error: error && { code: error.code, message: error.message } }
}

async function joined(channel, client) {
  for (let waited = 0; channel.state === 'joining' && waited < 200; waited += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const isJoined = channel.state === 'joined'
  await client.removeChannel(channel)
  return isJoined
}

for (const example of examples) {
  try {
    console.log(JSON.stringify(await run(example)))
  } catch (error) {
    console.log(JSON.stringify({ thrown: String(error) }))
  }
}
process.exit(0)
