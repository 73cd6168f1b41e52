set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.refuse_unless_valid(p_is_valid boolean)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_is_valid is not true then
    raise sqlstate 'PT400' using message = 'VALIDATION_ERROR';
  end if;
end;
$$;

comment on function private.refuse_unless_valid is 'Raise VALIDATION_ERROR unless the condition is true; null is invalid too. RPCs of our own processes check their arguments by it.';

create or replace function private.photo_refusal(p_user_id uuid, p_listing public.listings)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_listing.id is null or p_listing.status = 'cancelled' and p_listing.seller_id <> p_user_id
  then
    return private.refusal('RESOURCE_NOT_FOUND', 'Listing not found');
  elsif p_listing.seller_id is distinct from p_user_id then
    return private.refusal('FORBIDDEN', 'Only the seller changes the photos of a listing');
  elsif p_listing.status not in ('scheduled', 'live') then
    return private.refusal('CONFLICT', 'This listing is over');
  end if;
  return null;
end;
$$;

create or replace function private.use_rate_limit(p_action text, p_user_id uuid default auth.uid())
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_checked text;
  v_wait_ms bigint;
begin
  if p_user_id is null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  end if;
  -- This is an assignment, because `perform` would start the executor.
  v_checked := private.refuse_filtered_call();
  v_wait_ms := private.count_use(p_action, p_user_id::text);
  if v_wait_ms = 0 then
    return null;
  end if;
  perform private.record_refused_call(p_action, p_user_id::text);
  return private.refusal('RATE_LIMITED', 'Too many requests. Please slow down.')
    || jsonb_build_object('retry_after_ms', v_wait_ms);
end;
$$;

comment on function private.use_rate_limit is 'Count one use of an action by a user, usually the signed-in one. Return null within the limit, otherwise the refusal RATE_LIMITED. A token without a user gets PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';

create or replace function private.evidence_refusal(p_user_id uuid, p_dispute public.disputes)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_dispute.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Dispute not found');
  elsif coalesce(p_user_id not in (p_dispute.initiator_id, p_dispute.respondent_id), true) then
    return private.refusal('FORBIDDEN', 'Only the parties of a dispute add evidence');
  elsif not private.is_dispute_open(p_dispute.status) then
    return private.refusal('CONFLICT', 'This dispute is decided already');
  end if;
  return null;
end;
$$;

create or replace function private.record_file(
  p_user_id uuid, p_type text, p_listing_id uuid, p_dispute_id uuid, p_order_idx integer,
  p_path text, p_url text, p_title text, p_file jsonb
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_subject_id constant uuid := case p_type
    when 'listing_photo' then p_listing_id
    when 'evidence_file' then p_dispute_id
    else p_user_id
  end;
  v_answer jsonb;
begin
  perform private.refuse_unless_valid(
    num_nulls(p_path, p_url) = 0
    and p_file ->> 'sha256' ~ '^[0-9a-f]{64}$'
    and p_file ->> 'size' ~ '^[1-9][0-9]{0,8}$'
    and p_file ->> 'media_type' is not null
  );
  -- A suspension locks the user before the listings, so this does too.
  perform from public.users where id = p_user_id for key share;
  perform private.lock_subject(p_type, v_subject_id);
  v_answer := private.upload_refusal(p_user_id, p_type, p_listing_id, p_dispute_id);
  if v_answer is not null then
    return v_answer;
  end if;
  v_answer := private.recorded_file(p_user_id, p_type, v_subject_id, p_order_idx, p_file);
  if v_answer is not null then
    return v_answer;
  end if;
  v_answer := case p_type
    when 'listing_photo'
      then private.store_photo(p_listing_id, p_order_idx, p_path, p_url, p_file)
    when 'evidence_file'
      then private.store_evidence(p_user_id, p_dispute_id, p_path, p_url, p_title, p_file)
    else private.make_room(p_type, p_user_id)
  end;
  if (v_answer ->> 'success')::boolean then
    insert into private.stored_files (
      bucket_id, path, owner_id, subject_id, sha256, file_size, media_type
    )
    values (
      private.bucket_of(p_type), p_path, p_user_id, v_subject_id, p_file ->> 'sha256',
      (p_file ->> 'size')::bigint, p_file ->> 'media_type'
    );
    v_answer := jsonb_build_object('displaced', '[]'::jsonb) || v_answer
      || jsonb_build_object('path', p_path);
  end if;
  return v_answer;
end;
$$;

create or replace function private.remove_evidence(p_user_id uuid, p_path text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_dispute public.disputes;
  v_evidence public.dispute_evidence;
  v_refusal jsonb;
begin
  select * into v_evidence from public.dispute_evidence where path = p_path;
  if v_evidence.id is null then
    return null;
  end if;
  select * into v_dispute from public.disputes where id = v_evidence.dispute_id for no key update;
  v_refusal := private.evidence_refusal(p_user_id, v_dispute);
  if v_refusal is null and v_evidence.user_id is distinct from p_user_id then
    v_refusal := private.refusal('FORBIDDEN', 'This evidence is not yours');
  elsif v_refusal is null and v_dispute.status <> 'open' then
    v_refusal := private.refusal('CONFLICT', 'This evidence is under review');
  end if;
  if v_refusal is null then
    delete from public.dispute_evidence where id = v_evidence.id;
  end if;
  return coalesce(v_refusal, jsonb_build_object('success', true));
end;
$$;

create or replace function private.lock_user_file(p_user_id uuid, p_bucket text, p_path text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_owner_id uuid;
begin
  select owner_id into v_owner_id from private.stored_files
  where bucket_id = p_bucket and path = p_path for update;
  if v_owner_id is null then
    return null;
  elsif v_owner_id is distinct from p_user_id then
    return private.refusal('FORBIDDEN', 'This file is not yours');
  end if;
  return jsonb_build_object('success', true);
end;
$$;

create or replace function private.finalize_auctions(
  p_actor_id uuid, p_request_id uuid, p_reason text, p_auction_id uuid, p_force boolean
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb;
  v_auction public.auctions;
begin
  -- The caller may repeat a call whose answer was lost. The audit entry with its id then answers.
  perform pg_advisory_xact_lock(hashtextextended(p_request_id::text, 0));
  v_answer := coalesce(private.finalize_answer(p_request_id), private.reason_refusal(p_reason));
  if v_answer is not null then
    return v_answer;
  elsif p_request_id is null then
    return private.refusal('VALIDATION_ERROR', 'A request needs an id');
  elsif p_auction_id is null and p_force then
    return private.refusal('VALIDATION_ERROR', 'Name the auction that you close by force');
  elsif p_force then
    -- A bid holds this lock, so no bid of the caller comes between the check and the close.
    select * into v_auction from public.auctions where id = p_auction_id for no key update;
    if private.takes_part(v_auction, p_actor_id) then
      return private.refusal('FORBIDDEN', 'You take part in this auction');
    end if;
  end if;
  v_answer := case
    when p_auction_id is null then private.end_expired_auctions(100)
    else private.end_auction(p_auction_id, p_force)
  end;
  if not (v_answer ->> 'success')::boolean then
    return v_answer;
  end if;
  perform private.write_audit(
    p_actor_id,
    case when p_force then 'auction_forced' else 'auctions_finalized' end,
    'auctions',
    p_auction_id::text,
    private.plain_reason(p_reason),
    jsonb_build_object('result', v_answer),
    p_request_id
  );
  return private.finalize_answer(p_request_id);
end;
$$;

create or replace function private.get_bid_log(p_auction_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_status constant public.auction_status := (
    select status from public.auctions where id = p_auction_id
  );
begin
  if v_status is null then
    return private.refusal('AUCTION_NOT_FOUND', 'Auction not found');
  elsif v_status = 'cancelled' then
    return private.refusal('AUCTION_CANCELLED', 'Auction was cancelled');
  elsif v_status not in ('finalized', 'no_sale') then
    return private.refusal('AUCTION_NOT_OVER', 'Auction is not over yet');
  end if;
  return jsonb_build_object(
    'success', true,
    'auction_id', p_auction_id,
    'rows', (
      select coalesce(jsonb_agg(
        jsonb_build_object(
          'seq', b.seq,
          'kind', b.kind,
          'record', b.record,
          'commitment', encode(b.commitment, 'hex'),
          'opened', case when opened.seq is not null then private.opening(b) end,
          'previous_hash', encode(b.previous_hash, 'hex'),
          'hash', encode(b.hash, 'hex')
        )
        order by b.seq
      ), '[]')
      from private.bid_log as b
      left join private.opened_log_rows(p_auction_id) as opened on opened.seq = b.seq
      where b.auction_id = p_auction_id
    )
  );
end;
$$;

create or replace function private.withdraw_bids(
  p_auction_id uuid, p_bidder_ids uuid[], p_actor_id uuid, p_reason text
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_ladder jsonb;
  v_before public.auctions;
  v_after public.auctions;
  v_ranking record;
  v_numbers jsonb;
  v_now timestamptz;
begin
  select * into v_before from public.auctions where id = p_auction_id for no key update;
  v_now := private.clock();
  -- A bidder without a maximum has no bid here, or all of them were withdrawn before.
  if v_before.status is distinct from 'live' or not exists (
    select from private.proxy_bids
    where auction_id = p_auction_id and bidder_id = any(p_bidder_ids)
  ) then
    return false;
  end if;
  -- Continue the log first, so that each bidder has a number.
  perform private.continued_log(p_auction_id, v_now);
  -- Read the increments after the lock. They are then the ones that the log states.
  v_ladder := private.setting('bid_increments');
  with withdrawn as (
    delete from private.proxy_bids
    where auction_id = p_auction_id and bidder_id = any(p_bidder_ids)
    returning bidder_id, bidder_number
  ), barred as (
    insert into private.bid_withdrawals (auction_id, bidder_id, actor_id, reason, withdrawn_at)
    select p_auction_id, bidder_id, p_actor_id, p_reason, v_now from withdrawn
  )
  select jsonb_agg(bidder_number order by bidder_number) into v_numbers from withdrawn;

  select * into v_ranking from private.ranked_maxima(v_before.listing_id, p_auction_id, v_ladder);
  v_after := private.lower_auction(
    v_before, p_bidder_ids, v_ranking.leader_id, v_ranking.price_cents,
    v_ranking.reserve in ('none', 'met', 'lifted'), v_ladder, v_now
  );
  perform private.append_bid_log(
    p_auction_id,
    'withdrawal',
    jsonb_build_object(
      'bidders', v_numbers, 'leader', v_ranking.leader_number,
      'price_cents', v_ranking.price_cents, 'reserve', v_ranking.reserve
    ),
    v_now
  );
  perform private.notify_of_withdrawal(v_before, v_after);
  return true;
end;
$$;

create or replace function private.disputant_refusal(p_order public.orders)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif coalesce(auth.uid() not in (p_order.buyer_id, p_order.seller_id), true) then
    return private.refusal('FORBIDDEN', 'Only the buyer or the seller can open a dispute');
  end if;
  return private.account_refusal(auth.uid());
end;
$$;

create or replace function private.init_pickup(
  p_order_id uuid, p_user_id uuid, p_code_hmac text, p_qr_token_hmac text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_ttl constant interval := private.setting('pickup_ttl_h')::integer * interval '1 hour';
  v_order public.orders;
  v_now timestamptz;
begin
  perform private.refuse_unless_valid(
    p_code_hmac collate "C" ~ '^[0-9a-f]{64}$' and p_qr_token_hmac collate "C" ~ '^[0-9a-f]{64}$'
  );
  select * into v_order from public.orders where id = p_order_id for update;
  if v_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif p_user_id is distinct from v_order.seller_id then
    return private.refusal('FORBIDDEN', 'Only the seller can make a pickup code');
  elsif not private.is_ready_for_pickup(v_order, '{paid,ready_for_handover}') then
    return private.refusal('NOT_READY', 'This order cannot be picked up now');
  end if;

  v_now := private.clock();
  insert into private.pickups as pickup (order_id, code_hmac, qr_token_hmac, expires_at)
  values (p_order_id, p_code_hmac, p_qr_token_hmac, v_now + v_ttl)
  on conflict (order_id) do update
  set
    code_hmac = excluded.code_hmac,
    qr_token_hmac = excluded.qr_token_hmac,
    expires_at = excluded.expires_at,
    attempts = 0,
    locked = false,
    last_request_id = null;
  return jsonb_build_object('success', true, 'expires_at', v_now + v_ttl);
end;
$$;

create or replace function private.store_event(
  p_event_id text, p_source text, p_type text, p_livemode boolean, p_created bigint,
  p_order_ref text, p_payment_intent_id text, p_object_id text, p_payload jsonb,
  p_payload_sha256 text, p_lease_token uuid, p_api_version text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event public.webhook_events;
  v_now timestamptz;
  v_content text;
begin
  perform private.refuse_unless_valid(
    p_source in ('stripe', 'stripe_identity')
    and num_nulls(p_event_id, p_type, p_livemode, p_payload_sha256, p_created) = 0
  );
  v_now := private.clock();
  insert into public.webhook_events (
    event_id, source, type, livemode, order_ref, payment_intent_id, object_id, payload,
    payload_sha256, next_attempt_at, created_at, received_at, leased_until, lease_token,
    api_version
  )
  values (
    p_event_id, p_source, p_type, p_livemode, p_order_ref, p_payment_intent_id, p_object_id,
    p_payload, p_payload_sha256, v_now, to_timestamp(p_created), v_now,
    -- The insert wakes a worker, but the lease leaves the event to the request that stored it.
    v_now + interval '10 seconds', p_lease_token, p_api_version
  )
  on conflict (event_id) do nothing
  returning * into v_event;
  if found then
    return private.stored_answer(v_event, true, 'same', p_lease_token, v_now);
  end if;

  select * into v_event from public.webhook_events where event_id = p_event_id for update;
  v_now := private.clock();
  v_content := private.compare_content(v_event, p_payload_sha256, p_api_version);
  if private.is_event_free(v_event, v_now) and v_content <> 'other' then
    update public.webhook_events
    set
      status = case status when 'dead' then 'failed' else status end,
      next_attempt_at = v_now,
      leased_until = v_now + interval '10 seconds',
      lease_token = p_lease_token
    where event_id = p_event_id
    returning * into v_event;
  end if;
  return private.stored_answer(v_event, false, v_content, p_lease_token, v_now);
end;
$$;

create or replace function private.find_webhook_event(p_event_id text, p_type text, p_since text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_since constant timestamptz := private.time_or_null(p_since);
begin
  perform private.refuse_unless_valid(p_since is null or v_since is not null);
  return coalesce(
    (
      select jsonb_build_object(
        'found', true,
        'event', jsonb_build_object(
          'event_id', event_id, 'type', type, 'created_at', created_at,
          'processed_at', processed_at
        )
      )
      from public.webhook_events
      where (p_event_id is not null or p_type is not null)
        and (p_event_id is null or event_id = p_event_id)
        and (p_type is null or type = p_type)
        and (v_since is null or received_at >= v_since)
      order by received_at desc
      limit 1
    ),
    '{"found": false}'
  );
end;
$$;

create or replace function private.record_balance_transactions(p_transactions jsonb)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_count integer;
begin
  if exists (
    select from jsonb_to_recordset(p_transactions) as moved (
      id text, source_id text, kind text, amount_cents bigint, currency text, created bigint
    )
    where num_nulls(id, source_id, kind, amount_cents, currency, created) > 0
  ) then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  insert into private.balance_transactions (
    id, source_id, kind, amount_cents, currency, payment_intent_id, transfer_id, order_ref,
    order_id, created_at, recorded_at
  )
  select
    moved.id, moved.source_id, moved.kind, moved.amount_cents, moved.currency,
    moved.payment_intent_id, moved.transfer_id, moved.order_ref,
    private.order_of_movement(moved.payment_intent_id, moved.transfer_id, moved.order_ref),
    to_timestamp(moved.created), v_now
  from jsonb_to_recordset(p_transactions) as moved (
    id text, source_id text, kind text, amount_cents bigint, currency text,
    payment_intent_id text, transfer_id text, order_ref text, created bigint
  )
  on conflict (id) do nothing;
  get diagnostics v_count = row_count;

  -- The event about a payment or payout may come only after Stripe has moved its money.
  update private.balance_transactions as moved
  set order_id = found.order_id, recorded_at = v_now
  from (
    select id, private.order_of_movement(payment_intent_id, transfer_id, order_ref) as order_id
    from private.balance_transactions
    where order_id is null and recorded_at > v_now - interval '24 hours'
  ) as found
  where moved.id = found.id and found.order_id is not null;
  return v_count;
end;
$$;

create or replace function private.advance_reading(p_list text, p_until bigint)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.refuse_unless_valid(num_nulls(p_list, p_until) = 0);
  insert into private.reading_positions as position (list, reached_at)
  values (p_list, to_timestamp(p_until))
  on conflict (list) do update set reached_at = excluded.reached_at
  where position.reached_at < excluded.reached_at;
  return found;
end;
$$;

create or replace function private.record_job_run(
  p_job text, p_started_at text, p_processed integer, p_failed integer, p_error text
)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_started_at constant timestamptz := private.time_or_null(p_started_at);
  v_now constant timestamptz := private.clock();
begin
  perform private.refuse_unless_valid(
    num_nulls(v_started_at, p_job) = 0 and p_processed >= 0 and p_failed >= 0
  );
  insert into private.job_runs (job, started_at, finished_at, processed, failed, error)
  select p_job, v_started_at, v_now, p_processed, p_failed, left(p_error, 2000)
  -- The call may be repeated after a lost answer.
  where not exists (
    select from private.job_runs where job = p_job and started_at = v_started_at
  );
  return found;
end;
$$;

create or replace function private.record_capture(
  p_order public.orders, p_payment_intent_id text, p_charge_id text, p_amount_cents bigint,
  p_currency text, p_buyer_id text, p_event_id text, out is_new boolean, out is_settled boolean,
  out outbox_ids uuid[], out alerts text[]
)
language plpgsql
set search_path = ''
as $$
declare
  v_payment public.payments;
  v_stray text;
begin
  outbox_ids := '{}';
  alerts := '{}';
  select * into v_payment from public.payments
  where order_id = p_order.id and stripe_payment_intent_id = p_payment_intent_id
  for update;
  is_new := not coalesce(private.is_captured(v_payment.status), false);
  if not is_new then
    is_settled := v_payment.settles_order;
    return;
  end if;

  if p_payment_intent_id is null
    or (p_amount_cents > 0 and p_currency ~ '^[a-z]{3}$') is not true
    or private.is_charge_of_another_payment(p_order.id, p_payment_intent_id, p_charge_id)
  then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  v_stray := private.stray_reason(
    p_order, p_payment_intent_id, p_amount_cents, p_currency, p_buyer_id
  );
  is_settled := v_stray is null;
  v_payment := private.write_captured_payment(
    p_order, p_payment_intent_id, p_charge_id, p_amount_cents, p_currency, is_settled
  );
  perform private.post_capture(p_order, v_payment, p_event_id);
  perform private.wake_waiting_events(p_payment_intent_id, v_payment.processed_at, p_order.id);
  if is_settled then
    perform private.transition_order(p_order.id, 'paid', null, 'stripe', 'payment_succeeded');
    return;
  end if;
  outbox_ids := array[private.refund_stray(p_order, v_payment)];
  alerts := array['stray_payment:' || v_stray];
end;
$$;

create function private.is_charge_of_another_payment(
  p_order_id uuid, p_payment_intent_id text, p_charge_id text
)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.payments
    where
      stripe_charge_id = p_charge_id
      and (order_id, stripe_payment_intent_id)
      is distinct from (p_order_id, p_payment_intent_id)
  );
end;
$$;

comment on function private.is_charge_of_another_payment is 'Return true if a charge is known under another intent or another order. Stripe makes each charge for one intent, so such a message contradicts an earlier one.';

create or replace function private.record_decline(
  p_order public.orders, p_payment_intent_id text, p_charge_id text, p_error_message text
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if private.is_charge_of_another_payment(p_order.id, p_payment_intent_id, p_charge_id) then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  insert into public.payments as payment (
    order_id, provider_ref, stripe_payment_intent_id, stripe_charge_id, status, amount_cents,
    fee_cents, currency, error_message
  )
  values (
    p_order.id, p_payment_intent_id, p_payment_intent_id, p_charge_id, 'failed',
    p_order.amount_cents, p_order.platform_fee_cents, p_order.currency, p_error_message
  )
  on conflict (order_id, stripe_payment_intent_id) do update
  set
    status = excluded.status,
    stripe_charge_id = coalesce(excluded.stripe_charge_id, payment.stripe_charge_id),
    error_message = excluded.error_message
  -- An authorization, a capture and a cancellation come after all declines, so a late decline never
  -- replaces them. A repeated decline changes nothing.
  where payment.status in ('requires_payment', 'processing')
    or (
      payment.status = 'failed'
      and payment.stripe_charge_id is distinct from excluded.stripe_charge_id
    );
  return found;
end;
$$;

create or replace function private.record_intent_error(
  p_order_id uuid, p_attempt integer, p_answered_errors integer, p_error_code text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  perform private.refuse_unless_valid(num_nulls(p_attempt, p_answered_errors, p_error_code) = 0);
  perform from public.orders where id = p_order_id for update;
  if not found then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  end if;
  insert into private.intent_errors (order_id, attempt)
  values (p_order_id, p_attempt)
  on conflict (order_id, attempt) do nothing;
  -- Concurrent calls get the same error under the same key. Only the first of them raises the
  -- count.
  update private.intent_errors
  set
    answered_errors = answered_errors + (
      answered_errors = p_answered_errors and private.is_answered_error(p_error_code)
    )::integer,
    is_email_refused = is_email_refused or p_error_code = 'STRIPE_EMAIL_REFUSED'
  where order_id = p_order_id and attempt = p_attempt
  returning answered_errors into v_count;
  return jsonb_build_object('success', true, 'answered_errors', v_count);
end;
$$;

create or replace function private.record_account_read(
  p_account_id text, p_read_number bigint, p_payouts_enabled boolean
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'success', true,
    'found', private.settle_account(p_account_id, p_read_number, p_payouts_enabled)
  );
end;
$$;

create or replace function private.settle_reversal(
  p_order public.orders, p_stripe_transfer_id text, p_stripe_reversal_id text,
  p_outbox_id text, p_dedupe_key text, p_amount_cents bigint, out is_news boolean,
  out alerts text[]
)
language plpgsql
set search_path = ''
as $$
declare
  v_job public.outbox;
begin
  alerts := '{}';
  is_news := not exists (
    select from public.ledger_entries
    where order_id = p_order.id and fact = 'reversal:' || p_stripe_reversal_id
  );
  if not is_news then
    return;
  end if;
  -- Stripe reverses a transfer at most in full.
  if p_stripe_reversal_id is null or (p_amount_cents > 0) is not true or exists (
    select from public.payouts
    where stripe_transfer_id = p_stripe_transfer_id
      and reversed_cents + p_amount_cents > amount_cents
  ) then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  update public.payouts
  set
    reversed_cents = reversed_cents + p_amount_cents,
    status = case
      when reversed_cents + p_amount_cents = amount_cents then 'reversed' else 'paid'
    end::public.payout_status
  where stripe_transfer_id = p_stripe_transfer_id;
  perform private.post_reversal(
    p_order, p_stripe_transfer_id, p_stripe_reversal_id, p_amount_cents
  );
  select * into v_job from public.outbox
  where payload ->> 'order_id' = p_order.id::text
    and id::text = p_outbox_id
    and kind = 'transfer_reversal';
  perform private.complete_outbox(v_job.id, p_stripe_reversal_id);
  if v_job.id is null and not private.is_own_object(p_outbox_id, p_dedupe_key) then
    alerts := '{reversal_made_outside}';
    -- Stripe may have refused our reversal because of this one.
    perform private.queue_reversal(p_order.id, 'reversal:' || p_stripe_reversal_id);
    return;
  end if;
  if v_job.payload ? 'unpaid_since' then
    perform private.wake_transfers(p_order.seller_id);
  end if;
  -- The refund may have failed while its reversal was on the way.
  perform private.queue_transfer(p_order.id);
end;
$$;

comment on function public.record_account_read is 'Record the state of a Connect account that was read at Stripe without an event: {success, found}. found is false if no seller has the account.';
