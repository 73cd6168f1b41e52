// Photos of listings: the service checks and converts each one, so none goes into the bucket directly.

import { api } from './api.js'
import { element } from './dom.js'

/** Send the photo of a listing; return the stored file. */
export function uploadPhoto(listingId, file, orderIndex) {
  const form = new FormData()
  form.set('type', 'listing_photo')
  form.set('listingId', listingId)
  form.set('orderIndex', String(orderIndex))
  form.set('file', file)
  return api('POST', '/storage/upload', form)
}

/** Return the photos in the order that the seller chose. */
export function inOrder(photos) {
  return [...photos].sort((one, other) => one.order_idx - other.order_idx)
}

/** Build the picture of a listing, or a plain sign with the first letter of its title. */
export function picture(photo, title) {
  if (photo) return element('img', { src: photo.url, alt: `Photo of ${title}`, loading: 'lazy' })
  return element('div', { class: 'no-photo', 'aria-hidden': 'true' }, title.slice(0, 1))
}
