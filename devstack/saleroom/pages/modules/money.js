// Money is a whole number of cents everywhere; only the page shows dollars.

const FORMAT = new Intl.NumberFormat('en-AU', { style: 'currency', currency: 'AUD' })

/** Return an amount as text, such as $1,250.00. */
export function dollars(cents) {
  return FORMAT.format(cents / 100)
}

/** Return the cents of a text such as "12.50", or null for an empty one. */
export function cents(text) {
  const plain = text.replace(/[$,\s]/g, '')
  if (!plain) return null
  if (!/^\d+(\.\d{1,2})?$/.test(plain)) throw new Error('Write an amount such as 12.50.')
  return Math.round(Number.parseFloat(plain) * 100)
}

/** Return the text for an input of an amount, such as 12.50. */
export function plain(cents) {
  return (cents / 100).toFixed(2)
}
