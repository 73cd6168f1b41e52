set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.open_dispute(
  p_order_id uuid, p_dispute_type text, p_reason text, p_description text,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'open_dispute', p_client_request_id,
    jsonb_build_array(p_order_id, p_dispute_type, p_reason, p_description)
  );
  v_order public.orders;
  v_dispute public.disputes;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  -- Check the caller before locking, so another user's calls cannot delay the order.
  select * into v_order from public.orders where id = p_order_id;
  v_answer := private.disputant_refusal(v_order);
  if v_answer is null then
    select * into v_order from public.orders where id = p_order_id for update;
    v_dispute := private.new_dispute(v_order, p_dispute_type, p_reason, p_description);
    v_answer := coalesce(
      private.new_dispute_refusal(v_order, v_dispute),
      -- Count the call before the filter, which costs far more than all checks above. Count the
      -- dispute after it, so that a refused text costs the party no dispute.
      private.use_rate_limit('check_dispute'),
      private.payment_text_refusal('reason', v_dispute.reason),
      private.payment_text_refusal('description', v_dispute.description),
      private.use_rate_limit('open_dispute'),
      private.store_dispute(v_order, v_dispute)
    );
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

create or replace function private.use_sale_permission(p_oversized_field text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_refusal jsonb;
begin
  -- A person does not type a text far beyond its limit by mistake, so that call counts as a text for
  -- the filter. Other calls count once all but the filter has accepted them.
  if p_oversized_field is not null then
    v_refusal := private.use_rate_limit('check_listing');
  end if;
  v_refusal := coalesce(v_refusal, private.seller_refusal(auth.uid()));
  if v_refusal is null and p_oversized_field is not null then
    v_refusal := private.refusal('VALIDATION_ERROR', 'This text is far too long')
      || jsonb_build_object('field', p_oversized_field);
  end if;
  return v_refusal;
end;
$$;
comment on function private.use_sale_permission is 'Return the refusal of a caller who may not sell, or of a field that is far too long, or null. A call with such a field counts as a text for the filter.';

create or replace function private.offer(
  p_listing public.listings, p_start_at timestamptz, p_end_at timestamptz, p_reserve_cents bigint,
  p_street text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_listing public.listings := p_listing;
  v_now timestamptz;
  v_refusal jsonb;
  v_auction_id uuid;
begin
  -- The lock lets the end of the account, by suspension or deletion, wait for the new listing, or
  -- the listing for the end.
  perform from public.users where id = v_listing.seller_id for key share;
  v_now := private.clock();
  v_listing.start_at := greatest(p_start_at, v_now);
  v_listing.end_at := coalesce(
    p_end_at,
    v_listing.start_at + private.setting('listing_default_days')::integer * interval '24 hours'
  );
  v_refusal := coalesce(
    private.seller_refusal(v_listing.seller_id),
    private.listing_refusal(v_listing, p_reserve_cents, p_street, v_now),
    -- Count the call before the filter, which costs far more than all checks above. Count the
    -- listing after it, so that a refused text costs the seller no listing.
    private.use_rate_limit('check_listing'),
    private.contact_text_refusal(
      v_listing.title, v_listing.description, v_listing.location ->> 'suburb'
    ),
    private.use_rate_limit('create_listing')
  );
  if v_refusal is not null then
    return v_refusal;
  end if;

  v_listing.id := gen_random_uuid();
  v_listing.status := case when v_listing.start_at > v_now then 'scheduled' else 'live' end;
  v_listing.bid_count := 0;
  v_listing.created_at := v_now;
  v_listing.updated_at := v_now;
  insert into public.listings select v_listing.*;
  insert into private.listing_private (listing_id, reserve_cents, street)
  values (v_listing.id, p_reserve_cents, p_street);
  v_auction_id := private.open_auction(v_listing, p_reserve_cents is null, v_now);
  return jsonb_build_object(
    'success', true, 'listing', to_jsonb(v_listing), 'auction_id', v_auction_id
  );
end;
$$;

create or replace function private.report_content(
  p_reason text, p_listing_id uuid, p_message_id uuid, p_user_id uuid, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'report_content', p_client_request_id,
    jsonb_build_array(p_reason, p_listing_id, p_message_id, p_user_id)
  );
  v_report public.content_reports;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  v_report.reporter_id := auth.uid();
  v_report.listing_id := p_listing_id;
  v_report.message_id := p_message_id;
  v_report.user_id := p_user_id;
  v_report.reason := private.plain_reason(p_reason);
  v_answer := coalesce(
    private.account_refusal(auth.uid()),
    private.reason_refusal(p_reason),
    private.use_rate_limit('report_content'),
    private.target_refusal(v_report),
    private.store_report(v_report)
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

update private.app_settings
set value = '{
  "check_listing": {"max": 20, "window_s": 3600},
  "check_dispute": {"max": 20, "window_s": 3600}
}' || value
where key = 'rate_limits';
