// A program of the web app: it compiles if clients/database.types.ts describes our API.
import { createClient } from '@supabase/supabase-js'
import type { Answers, Database, Refusal, Tables } from '../../../clients/database.types'

const supabase = createClient<Database>('http://127.0.0.1:54321', 'key')

export async function bid(auctionId: string, amountCents: number): Promise<string> {
  const { data: receipt, error } = await supabase.rpc('place_bid', {
    auction_id: auctionId,
    amount_cents: amountCents,
    client_bid_id: crypto.randomUUID(),
  })
  if (error) throw error
  if (!receipt.success) return receipt.code
  const next: number = receipt.min_next_bid_cents
  return `${receipt.bid_id}: the next bid is ${next}`
}

export async function secondsLeft(auctionId: string): Promise<number> {
  const { data, error } = await supabase.rpc('get_time_remaining', { auction_id: auctionId })
  if (error) throw error
  if (data.success === false) throw new Error(data.error)
  return data.time_remaining
}

export async function maximum(auctionId: string): Promise<number | null> {
  const { data, error } = await supabase.rpc('get_my_proxy', { auction_id: auctionId })
  if (error) throw error
  if (data === null) return null
  return data.success === false ? null : data.max_cents
}

export async function offer(): Promise<Tables<'listings'> | Refusal> {
  const { data, error } = await supabase.rpc('create_listing', {
    title: 'Wooden surfboard, 1972',
    description: 'Shaped in Torquay, one ding, rides well.',
    category_id: 4,
    condition: 'good',
    start_cents: 12000,
    pickup: true,
    shipping: false,
    location: { street: '1 Smith Street', suburb: 'Fitzroy', postcode: '3065', state: 'VIC' },
  })
  if (error) throw error
  return data.success ? data.listing : data
}

export async function unread(): Promise<number> {
  const { data, error } = await supabase.rpc('mark_all_notifications_read')
  if (error) throw error
  return data
}

export async function live(): Promise<string[]> {
  const { data, error } = await supabase
    .from('listings')
    .select('id, title, auctions(id, current_price_cents, status, end_at), listing_photos(url)')
    .eq('status', 'live')
  if (error) throw error
  return data.map((listing) => `${listing.title} ${listing.auctions[0]?.current_price_cents ?? ''}`)
}

export function describe(message: Answers['send_message']): string {
  switch (message.delivery) {
    case 'delivered':
      return message.content
    case 'held':
      return message.reason_codes.join(', ')
    case 'rejected':
      return ''
  }
}
