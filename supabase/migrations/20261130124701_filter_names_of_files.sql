set lock_timeout = '2s';
set statement_timeout = '30s';

-- Carriers whose numbers are no accounts.
delete from private.filter_words where class = 'id_cue' and word = 'starttrack';
insert into private.filter_words (word, class)
select
  word,
  'id_cue' as class
from string_to_table('aramex couriersplease dhl fastway fedex startrack tnt', ' ') as word
on conflict do nothing;

-- "He only takes PayPal" before "Update: no parcel yet" names no detail.
update private.filter_rules
set stage = array_remove(stage, 'joined')
where rule_version = 1 and rule = 'pay_app_colon';

create or replace function private.payment_text_refusal(
  p_field text, p_text text, p_earlier text[] default '{}'
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.refusal('PAYMENT_IN_TEXT', 'This text cannot have payment details')
    || jsonb_build_object('field', p_field) || private.payment_span(p_text, p_earlier, p_field = 'file');
end;
$$;
comment on function private.payment_text_refusal is 'Return the refusal of a text that holds details for a payment outside the site, with their span, or null; see payment_span.';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.payment_span(text, text []);

create function private.payment_span(
  p_text text, p_earlier text[] default '{}', p_is_file_name boolean default false
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_whole constant text := array_to_string(p_earlier || p_text, E'\n');
  v_start constant integer := char_length(v_whole) - char_length(p_text);
  v_span jsonb;
begin
  if coalesce(p_text, '') = '' then
    return null;
  end if;
  select
    jsonb_build_object(
      'start', greatest(hit.start_at - v_start, 0),
      'end', least(hit.end_at - v_start, char_length(p_text))
    )
  into v_span
  from (
    select
      found.rule,
      found.score,
      found.start_at + v_start as start_at,
      found.end_at + v_start as end_at
    from unnest(private.filter_findings(p_text, 'order')) as found
    union all
    -- A word such as "money" in an earlier text makes no account of a number in this one.
    select found.rule, found.score, found.start_at, found.end_at
    from unnest(private.filter_findings(v_whole, 'joined', v_start)) as found
    where p_earlier <> '{}'
  ) as hit
  inner join private.filter_rules as known on known.rule = hit.rule and known.active
  where
    hit.end_at > v_start
    and hit.score >= private.setting('filter_mask')::integer
    -- The name of a file looks like a handle, as in "PayPal_receipt.pdf".
    and not (p_is_file_name and hit.rule = 'pay_app_handle')
    -- A party may name a phone number after "my account", but not after "my PayID".
    and not (
      known.pattern <@ '{abn_digits,account_cue,account_digits,bank,bank_account}'
      and private.is_phone_number(
        substr(v_whole, hit.start_at + 1, hit.end_at - hit.start_at)
      )
    )
  order by greatest(hit.start_at, v_start), hit.score desc
  limit 1;
  return v_span;
end;
$$;
comment on function private.payment_span is 'Return the span of the details for a payment outside the site that a text holds, or that it completes after earlier texts with a bank, account, payment service, card number or ABN, or null. Other words about payment pass, and handles in the name of a file.';

create or replace function private.remove_photos_as_staff(p_listing_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
  v_count integer;
begin
  select * into v_auction from public.auctions where listing_id = p_listing_id for no key update;
  -- This lock waits for reports under way, whose foreign key refers to the listing.
  select * into v_listing from public.listings where id = p_listing_id for update;
  if v_listing.id is null then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  elsif private.takes_part(v_auction, auth.uid()) then
    return private.refusal('FORBIDDEN', 'You take part in this auction');
  elsif v_auction.status in ('scheduled', 'live') then
    return private.refusal('CONFLICT', 'This listing is not over, so remove the listing');
  elsif private.is_sale_open(p_listing_id) and not private.is_admin() then
    -- The photos are evidence. The law may demand their removal all the same, so an admin decides.
    return private.refusal(
      'CONFLICT', 'The order of this listing is unfinished or in dispute, so an admin decides'
    );
  elsif exists (
    select from public.content_reports where listing_id = p_listing_id and status = 'open'
  ) then
    return private.refusal('CONFLICT', 'Decide the open reports about this listing first');
  end if;
  select count(*) into v_count from public.listing_photos where listing_id = p_listing_id;
  if v_count > 0 then
    perform private.remove_photos(p_listing_id);
    perform private.write_audit(
      auth.uid(), 'photos_removed', 'listings', p_listing_id::text, p_reason,
      jsonb_build_object('seller_id', v_listing.seller_id, 'photos', v_count)
    );
  end if;
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.remove_photos_as_staff is 'Remove all photos of a listing that is over, and audit it; or return the refusal. A repeat changes nothing and succeeds.';

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
      and private.is_sale_open(listing_id)
  ) then
    -- A suspended party cannot confirm, dispute or answer.
    return private.refusal('FORBIDDEN', 'You have an unfinished order with this user');
  end if;
  return null;
end;
$$;
comment on function private.suspension_refusal is 'Return the reason why this member of staff cannot suspend a user or lift the suspension, or null.';

comment on function public.staff_remove_photos is 'Remove all photos of an ended or cancelled listing as staff: {success}. The listing stays. A file goes once no other listing shows it: a listing that was offered again shows the files of its predecessor. A repeat succeeds and changes nothing. Audited. Refusals: LISTING_NOT_FOUND, FORBIDDEN (the caller sold or bid there), CONFLICT (the listing is not over, its order is unfinished or in dispute and the caller is no admin, or it has an open report), VALIDATION_ERROR, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';
