// Time remaining by the server's clock. The clock of a browser may be wrong, so it decides nothing:
// it only counts down between two answers of the server.

let offsetMs = 0

/** Note a time of the server that arrived just now. */
export function setServerTime(text) {
  offsetMs = Date.parse(text) - Date.now()
}

/** Return the milliseconds until a time of the server, and 0 if it is over. */
export function remaining(endAt) {
  return Math.max(0, Date.parse(endAt) - Date.now() - offsetMs)
}

/** Return a time span such as "6 d 4 h", "3 h 20 min" or "4:05". */
export function span(ms) {
  const seconds = Math.ceil(ms / 1000)
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24]
  const minutes = Math.floor(seconds / 60) % 60
  if (days) return `${days} d ${hours} h`
  if (hours) return `${hours} h ${minutes} min`
  return `${minutes}:${String(seconds % 60).padStart(2, '0')}`
}

/** Return a time of day with seconds, as a person reads it. */
export function timeOfDay(text) {
  return new Date(text).toLocaleTimeString('en-AU')
}

/** Return a date with its time. */
export function date(text) {
  return new Date(text).toLocaleString('en-AU', { dateStyle: 'medium', timeStyle: 'short' })
}

/** Call a function now and every half second. */
export function everyTick(callback) {
  callback()
  setInterval(callback, 500)
}
