// One client of Supabase for the page, with the addresses and the publishable key of this system.

/** Addresses and publishable keys; the server gives no secret to a browser. */
export const settings = await (await fetch('/settings.json')).json()

/**
 * The client. `/supabase.js` has set the global name `supabase`, because it is the package's file for
 * pages without a build step.
 *
 * The session lives in the window's own storage, so that each window can be another person.
 */
export const supabase = globalThis.supabase.createClient(
  settings.supabaseUrl,
  settings.publishableKey,
  { auth: { storage: sessionStorage, detectSessionInUrl: false } },
)
