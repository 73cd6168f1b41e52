-- Staff suspend nobody who has an open order with them. One rule now says which orders are open.
set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.is_order_open(p_order public.orders)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return p_order.state not in ('released', 'refunded', 'cancelled')
    or p_order.refund_pending
    or exists (
      -- Stripe may report a dispute of an order that has ended.
      select from public.disputes
      where order_id = p_order.id and private.is_dispute_open(status)
    );
end;
$$;
comment on function private.is_order_open is 'Return true if an order is unfinished, or has a refund under way or an open dispute.';

create or replace function private.has_open_business(p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.auctions as a
    join public.listings as l on l.id = a.listing_id
    where l.seller_id = p_user_id and a.status in ('scheduled', 'live')
  ) or exists (
    select from public.auctions where high_bidder_id = p_user_id and status = 'live'
  ) or exists (
    select from public.orders
    where p_user_id in (buyer_id, seller_id) and private.is_order_open(orders)
  );
end;
$$;

create or replace function private.suspension_refusal(p_user public.users, p_lift boolean)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_user.id is null or p_user.deleted_at is not null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif p_user.id = auth.uid() then
    return private.refusal('FORBIDDEN', 'You cannot suspend yourself');
  elsif p_user.role = 'admin' and not private.is_admin() then
    return private.refusal('FORBIDDEN', 'Only an admin can suspend an admin');
  elsif not p_lift and exists (
    select from public.auctions
    where id = any(private.running_auctions_of(p_user.id))
      and private.takes_part(auctions, auth.uid())
  ) then
    -- A suspension withdraws the bids of a rival for good, also if it is lifted at once.
    return private.refusal('FORBIDDEN', 'You take part in an auction of this user');
  elsif not p_lift and exists (
    select from public.orders
    where
      (buyer_id, seller_id) in ((p_user.id, auth.uid()), (auth.uid(), p_user.id))
      and private.is_order_open(orders)
  ) then
    -- A suspended party cannot confirm, dispute or answer.
    return private.refusal('FORBIDDEN', 'You have an unfinished order with this user');
  end if;
  return null;
end;
$$;

comment on function public.staff_suspend_user is 'Suspend a user as staff: {success}. The sessions end, the user''s scheduled and live auctions are cancelled, and the user''s bids are withdrawn from live auctions. Photos go as in staff_remove_listing. lift true ends the suspension; auctions and bids stay as they are. The same call again succeeds and changes nothing. Audited. Refusals: PROFILE_NOT_FOUND, FORBIDDEN (oneself, an admin unless the caller is one, or a user with a running auction that the caller takes part in, or who has an unfinished order with the caller), VALIDATION_ERROR, REQUEST_ID_REUSED. Raises FORBIDDEN for others than staff.';
