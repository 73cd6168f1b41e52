set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.add_dispute_message(
  p_dispute_id uuid, p_content text, p_is_internal boolean, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'add_dispute_message', p_client_request_id,
    jsonb_build_array(p_dispute_id, p_content, coalesce(p_is_internal, false))
  );
  v_content constant text := private.plain_text(p_content, 1000);
  v_dispute public.disputes;
  v_message_id uuid;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  select * into v_dispute from public.disputes where id = p_dispute_id;
  v_answer := coalesce(
    private.dispute_writer_refusal(v_dispute, coalesce(p_is_internal, false)),
    case
      when coalesce(private.visible_length(v_content), 0) < 1 or char_length(v_content) > 1000
        then private.refusal('VALIDATION_ERROR', 'A message has 1 to 1000 characters')
    end,
    -- Count the call before the filter, which costs far more than all checks above.
    private.use_rate_limit('add_dispute_message'),
    -- Staff may quote the details that a party wrote elsewhere. A party on the staff is a party.
    case
      when auth.uid() in (v_dispute.initiator_id, v_dispute.respondent_id)
        then private.payment_text_refusal('content', v_content)
    end
  );
  if v_answer is null then
    insert into public.dispute_messages (
      dispute_id, sender_id, message_type, content, is_internal
    )
    values (
      p_dispute_id, auth.uid(),
      case
        when auth.uid() in (v_dispute.initiator_id, v_dispute.respondent_id) then 'user'
        else 'admin'
      end::public.dispute_message_type,
      v_content, coalesce(p_is_internal, false)
    )
    returning id into v_message_id;
    v_answer := jsonb_build_object('success', true, 'message_id', v_message_id);
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.add_dispute_message is 'Write a message about a dispute; see the public wrapper.';
grant execute on function private.add_dispute_message to authenticated;

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
      -- Count the call before the filter, which costs far more than all checks above.
      private.use_rate_limit('open_dispute'),
      private.payment_text_refusal('reason', v_dispute.reason),
      private.payment_text_refusal('description', v_dispute.description),
      private.store_dispute(v_order, v_dispute)
    );
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.open_dispute is 'Open a dispute about an order as one of its parties; see the public wrapper.';
grant execute on function private.open_dispute to authenticated;

create or replace function private.use_sale_permission(p_oversized_field text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_refusal jsonb;
begin
  -- A person does not type a text far beyond its limit by mistake, so that call counts towards the
  -- rate limit. Other calls count once all but the filter has accepted them.
  if p_oversized_field is not null then
    v_refusal := private.use_rate_limit('create_listing');
  end if;
  v_refusal := coalesce(v_refusal, private.seller_refusal(auth.uid()));
  if v_refusal is null and p_oversized_field is not null then
    v_refusal := private.refusal('VALIDATION_ERROR', 'This text is far too long')
      || jsonb_build_object('field', p_oversized_field);
  end if;
  return v_refusal;
end;
$$;
comment on function private.use_sale_permission is 'Return the refusal of a caller who may not sell, or of a field that is far too long, or null. A call with such a field counts towards the rate limit.';

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
    -- Count the call before the filter, which costs far more than all checks above. The seller may
    -- try again after any other mistake.
    private.use_rate_limit('create_listing'),
    private.contact_text_refusal(
      v_listing.title, v_listing.description, v_listing.location ->> 'suburb'
    )
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
comment on function private.offer is 'Store a listing with its auction, or return the refusal. A start in the past becomes now.';
