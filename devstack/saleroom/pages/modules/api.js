// Call a route of the service, under `/api` on the page's own origin.

import { supabase } from './client.js'

/** The service's error; `code` is one of docs/errors.md. */
export class ApiError extends Error {
  constructor(answer, { error, code }) {
    const waitS = answer.headers.get('Retry-After')
    const text = error ?? `The service answered ${answer.status}.`
    super(waitS ? `${text} Try again in ${waitS} s.` : text)
    this.code = code
  }
}

/** Send a request as the signed-in person; return the JSON of the answer, or throw an ApiError. */
export async function api(method, path, body) {
  const { data } = await supabase.auth.getSession()
  const headers = {}
  if (data.session) headers.Authorization = `Bearer ${data.session.access_token}`
  const isForm = body instanceof FormData
  if (body && !isForm) headers['Content-Type'] = 'application/json'
  const answer = await fetch(`/api${path}`, {
    method,
    headers,
    body: body && !isForm ? JSON.stringify(body) : body,
    // The token alone shows who calls. A cookie, such as that of the staff's console, stays out.
    credentials: 'omit',
  })
  const read = await answer.json().catch(() => ({}))
  if (!answer.ok) throw new ApiError(answer, read)
  return read
}
