// Call a function of the database. A refusal has HTTP status 200 and `success: false`.

import { supabase } from './client.js'

/** A refusal by a rule of the market; `code` is one of docs/errors.md. */
export class Refusal extends Error {
  constructor(answer) {
    super(answer.error)
    this.code = answer.code
  }
}

/** The answer did not arrive. The call may have had its effect; a key lets the caller repeat it. */
export class LostAnswer extends Error {
  constructor() {
    super('No answer came. Try again: it counts only once.')
  }
}

/** Call the function and return its answer; throw the refusal or the error. */
export async function call(name, args = {}) {
  const { data, error, status } = await supabase.rpc(name, args)
  if (error && status === 0) throw new LostAnswer()
  if (error) throw new Error(error.message)
  if (data?.success === false) throw new Refusal(data)
  return data
}

/** Return the rows of a query; throw its error. */
export async function rows(query) {
  const { data, error } = await query
  if (error) throw new Error(error.message)
  return data
}
