// Ask again for a state that Realtime does not announce, such as that of a payout.

/** The longest wait between two reads: a route answers 30 such calls a minute, and then 429. */
const MAX_WAIT_MS = 10_000
const MAX_READS = 10

/** Read until the result is final, or for a minute; `read` shows the state and returns true if it is final. */
export async function repeatUntil(read) {
  for (let count = 0; count < MAX_READS; count += 1) {
    if (await read()) return
    await new Promise((resolve) => setTimeout(resolve, Math.min(1000 * 2 ** count, MAX_WAIT_MS)))
  }
}
