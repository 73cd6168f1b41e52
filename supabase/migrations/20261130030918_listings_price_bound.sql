set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.listing_refusal(
  p_listing public.listings, p_reserve_cents bigint, p_street text, p_now timestamptz
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_bound_error constant text := 'A price is at most 99999999 cents';
  v_field text;
  v_error text;
begin
  -- The seller sees the first broken rule. A rule that yields null is broken.
  select rule.field, rule.error into v_field, v_error
  from (values
    (
      'title', 'Title must have 5 to 140 characters',
      char_length(p_listing.title) <= 140 and private.visible_length(p_listing.title) >= 5
    ),
    (
      'description', 'Description must have 20 to 4096 characters',
      char_length(p_listing.description) <= 4096
      and private.visible_length(p_listing.description) >= 20
    ),
    ('category_id', 'Choose a category', p_listing.category_id between 1 and 7),
    ('condition', 'Choose a condition', p_listing.condition is not null),
    ('location', 'Location needs suburb, postcode and state', p_listing.location is not null),
    (
      'location', 'Street must have at most 120 characters',
      coalesce(char_length(p_street) <= 120, true)
    ),
    ('pickup', 'Offer pickup, shipping or both', p_listing.pickup or p_listing.shipping),
    ('start_cents', v_bound_error, coalesce(p_listing.start_cents <= 99999999, true)),
    ('start_cents', 'Start price must be whole cents, at least 100', p_listing.start_cents >= 100),
    ('reserve_cents', v_bound_error, coalesce(p_reserve_cents <= 99999999, true)),
    (
      'reserve_cents', 'Reserve must be above the start price',
      coalesce(p_reserve_cents > p_listing.start_cents, true)
    ),
    ('buy_now_cents', v_bound_error, coalesce(p_listing.buy_now_cents <= 99999999, true)),
    (
      'buy_now_cents', 'Buy-now price must be above the start price',
      coalesce(p_listing.buy_now_cents > p_listing.start_cents, true)
    ),
    ('start_at', 'Start must be within a year', p_listing.start_at <= p_now + interval '8784 hours'),
    ('end_at', 'End must be after the start', p_listing.end_at > p_listing.start_at),
    (
      'end_at', 'End must be within a year of the start',
      p_listing.end_at <= p_listing.start_at + interval '8784 hours'
    )
  ) as rule (field, error, holds)
  where rule.holds is not true
  limit 1;
  if v_field is null then
    return null;
  end if;
  return private.refusal(
    case when v_error = v_bound_error then 'BAD_AMOUNT' else 'VALIDATION_ERROR' end, v_error
  ) || jsonb_build_object('field', v_field);
end;
$$;

comment on function public.update_listing is 'Change a listing of the caller before it starts; changes holds arguments of create_listing. Answers success, listing. Refusals: PROFILE_NOT_FOUND, RATE_LIMITED, LISTING_NOT_FOUND, LISTING_NOT_SCHEDULED, VALIDATION_ERROR and BAD_AMOUNT (a price is too high), each with field, CONTACT_IN_TEXT (with field, start, end), USER_SUSPENDED, KYC_REQUIRED, SELLER_REQUIRED, REQUEST_ID_REUSED. Raises FILTER_REFUSED.';

comment on function public.create_listing is 'Offer an item by auction, now or from start_at on. Times are text in ISO 8601 with an offset; another form is a VALIDATION_ERROR. Answers success, listing, auction_id. Refusals: PROFILE_NOT_FOUND, USER_SUSPENDED, KYC_REQUIRED, SELLER_REQUIRED, VALIDATION_ERROR and BAD_AMOUNT (a price is too high), each with field, CONTACT_IN_TEXT (with field, start, end), RATE_LIMITED, REQUEST_ID_REUSED. Raises FILTER_REFUSED.';
