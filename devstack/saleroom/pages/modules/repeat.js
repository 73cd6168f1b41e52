// Ask again for a state that Realtime does not announce, such as that of a payout.

const WAIT_MS = 1500
const MOST = 40

/** Read until the result is final, or for a minute; `read` shows the state and returns true if it is final. */
export async function repeatUntil(read) {
  for (let count = 0; count < MOST; count += 1) {
    if (await read()) return
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS))
  }
}
