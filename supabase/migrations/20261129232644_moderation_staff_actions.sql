set lock_timeout = '2s';
set statement_timeout = '30s';

-- The new form below replaces it, with one more argument.
-- squawk-ignore ban-drop-function
drop function private.write_audit;

-- The new form below replaces it, with one more argument.
-- squawk-ignore ban-drop-function
drop function private.requeue_webhook_event;

-- The new form below replaces it, with one more argument.
-- squawk-ignore ban-drop-function
drop function private.requeue_ignored_events;

-- The new form below replaces it, with one more argument.
-- squawk-ignore ban-drop-function
drop function private.requeue_outbox;

-- The new form below replaces it, with one more argument.
-- squawk-ignore ban-drop-function
drop function private.release_transfers;

-- The new form below replaces it, with one more argument.
-- squawk-ignore ban-drop-function
drop function public.requeue_webhook_event;

-- The new form below replaces it, with one more argument.
-- squawk-ignore ban-drop-function
drop function public.requeue_ignored_events;

-- The new form below replaces it, with one more argument.
-- squawk-ignore ban-drop-function
drop function public.requeue_outbox;

-- The new form below replaces it, with one more argument.
-- squawk-ignore ban-drop-function
drop function public.release_transfers;

create type public.report_status as enum ('open', 'upheld', 'dismissed');

comment on type public.report_status is 'The decision of staff about a report. An open report waits for it.';

create table public.content_reports (
  id uuid not null default gen_random_uuid(),
  reporter_id uuid not null,
  listing_id uuid,
  message_id uuid,
  user_id uuid,
  reason text not null,
  status public.report_status not null default 'open',
  decided_by uuid,
  decided_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null default now(),
  constraint content_reports_pkey primary key (id),
  constraint content_reports_reporter_id_fkey
  foreign key (reporter_id) references public.users (id),
  constraint content_reports_listing_id_fkey
  foreign key (listing_id) references public.listings (id),
  constraint content_reports_message_id_fkey
  foreign key (message_id) references public.messages (id),
  constraint content_reports_user_id_fkey foreign key (user_id) references public.users (id),
  constraint content_reports_decided_by_fkey
  foreign key (decided_by) references public.users (id),
  -- The target comes first in these keys, so they also serve its foreign key.
  constraint content_reports_listing_id_reporter_id_key unique (listing_id, reporter_id),
  constraint content_reports_message_id_reporter_id_key unique (message_id, reporter_id),
  constraint content_reports_user_id_reporter_id_key unique (user_id, reporter_id),
  constraint content_reports_have_one_target
  check (num_nonnulls(listing_id, message_id, user_id) = 1),
  constraint content_reports_reason_is_short check (char_length(reason) between 10 and 500),
  constraint content_reports_decision_has_an_author
  check (num_nulls(decided_by, decided_at) = case when status = 'open' then 2 else 0 end)
);

comment on table public.content_reports is 'Reports of users about a listing, a message or another user. Each user reports a target once. Staff decide about them.';

create index content_reports_reporter_id_created_at_idx
on public.content_reports (reporter_id, created_at desc);

create index content_reports_decided_by_idx on public.content_reports (decided_by);

-- Staff read the open reports, the oldest first.
create index content_reports_open_created_at_idx on public.content_reports (created_at, id)
where status = 'open';

-- The inbox has few dead events, and it is small enough to be read in this transaction.
-- squawk-ignore require-concurrent-index-creation
create index webhook_events_dead_received_at_idx on public.webhook_events (received_at, event_id)
where status = 'dead';

create function private.session_is_staff(p_user_id uuid, p_session_id uuid, p_aal text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return private.session_is_live(p_user_id, p_session_id) || jsonb_build_object(
    'is_staff', private.holds_role(p_user_id, p_aal, '{admin,moderator}')
  );
end;
$$;

comment on function private.session_is_staff is 'Return the answer of session_is_live and is_staff; see the public wrapper.';

grant execute on function private.session_is_staff to service_role;

create or replace function private.begin_request(
  p_function text, p_request_id uuid, p_object_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_receipt private.request_receipts;
begin
  if private.is_deleted_account(auth.uid()) then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif p_request_id is null or auth.uid() is null then
    -- Without a user, the caller is one of our own processes. Their calls have keys of their own.
    return null;
  end if;
  -- The insert waits until a concurrent call with the same id ends. A success has then left its
  -- answer, and a refusal has left no row.
  insert into private.request_receipts (caller_id, client_request_id, function, object_id)
  values (auth.uid(), p_request_id, p_function, p_object_id)
  on conflict (caller_id, client_request_id) do nothing;
  if found then
    return null;
  end if;
  select * into v_receipt from private.request_receipts
  where caller_id = auth.uid() and client_request_id = p_request_id;
  if v_receipt.function <> p_function or v_receipt.object_id is distinct from p_object_id then
    return private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else');
  end if;
  return v_receipt.answer;
end;
$$;

create function private.write_audit(
  p_actor_id uuid, p_action text, p_entity text, p_entity_id text, p_description text,
  p_metadata jsonb default '{}', p_id uuid default gen_random_uuid()
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into public.audit_logs (id, actor_id, action, entity, entity_id, description, metadata)
  values (p_id, p_actor_id, p_action, p_entity, p_entity_id, p_description, p_metadata);
end;
$$;

comment on function private.write_audit is 'Add an entry to the audit log, in the same transaction as the action. A caller that gives the id can find the entry again.';

create function private.reason_refusal(p_reason text)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when
      coalesce(private.visible_length(private.plain_reason(p_reason)), 0) < 10
      or char_length(p_reason) > 500
      then private.refusal('VALIDATION_ERROR', 'A reason has 10 to 500 characters')
  end;
end;
$$;

comment on function private.reason_refusal is 'Return the refusal of a reason that has fewer than 10 visible characters or more than 500, or null.';

create function private.finalize_auctions(
  p_actor_id uuid, p_request_id uuid, p_reason text, p_auction_id uuid, p_force boolean
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb;
begin
  -- The caller may repeat a call whose answer was lost. The audit entry with its id then answers.
  perform pg_advisory_xact_lock(hashtextextended(p_request_id::text, 0));
  v_answer := coalesce(private.finalize_answer(p_request_id), private.reason_refusal(p_reason));
  if v_answer is not null then
    return v_answer;
  elsif p_auction_id is null and p_force then
    return private.refusal('VALIDATION_ERROR', 'Name the auction that you close by force');
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

comment on function private.finalize_auctions is 'Close auctions for a member of staff, and audit it; see the public wrapper.';

grant execute on function private.finalize_auctions to service_role;

create function private.finalize_answer(p_request_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
      'success', true,
      'result', metadata -> 'result',
      'audit_log', jsonb_build_object(
        'id', id, 'actor_id', actor_id, 'action', action, 'entity', entity,
        'entity_id', entity_id, 'description', description, 'created_at', created_at
      )
    )
    from public.audit_logs where id = p_request_id
  );
end;
$$;

comment on function private.finalize_answer is 'Return the answer of finalize_auctions from the audit entry that it wrote, or null before that.';

create function private.closing_status(p_max_rows integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  return jsonb_build_object(
    'server_time', v_now,
    'expired_count', (
      select count(*) from public.auctions where status = 'live' and end_at <= v_now
    ),
    'expired_auctions', (
      select coalesce(jsonb_agg(to_jsonb(expired) order by expired.end_at, expired.id), '[]')
      from (
        select
          a.id, a.listing_id, l.title, l.seller_id, a.end_at, a.current_price_cents, a.bid_count,
          coalesce(f.attempts, 0) as failed_attempts, f.retry_at, f.error
        from public.auctions as a
        join public.listings as l on l.id = a.listing_id
        left join private.finalize_failures as f on f.auction_id = a.id
        where a.status = 'live' and a.end_at <= v_now
        order by a.end_at, a.id
        limit p_max_rows
      ) as expired
    ),
    'recently_closed', (
      select coalesce(jsonb_agg(to_jsonb(closed) order by closed.finalized_at desc), '[]')
      from (
        select a.id as auction_id, a.status, a.end_at, a.finalized_at
        from public.auctions as a
        where a.finalized_at is not null
        order by a.finalized_at desc
        limit 10
      ) as closed
    )
  );
end;
$$;

comment on function private.closing_status is 'Return the auctions that wait for their close, and the last closed ones; see the public wrapper.';

grant execute on function private.closing_status to service_role;

create or replace function private.place_bid(
  p_auction_id uuid, p_amount_cents bigint, p_max_cents bigint, p_client_bid_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
-- Each lock has its own time limit, so that the caller still waits when the answer comes. The value
-- set here or below ends with the function.
set lock_timeout = '200ms'
as $$
declare
  v_bidder_id constant uuid := auth.uid();
  v_standing private.standing;
  v_lock text;
  v_now timestamptz;
  v_answer jsonb;
begin
  -- Look for a receipt before any check: a repeated call gets it, even if the auction has ended
  -- since.
  v_answer := coalesce(
    private.stored_receipt(v_bidder_id, p_client_bid_id, p_auction_id),
    private.use_rate_limit('place_bid')
  );
  if v_answer is not null then
    return v_answer;
  end if;

  -- Bidders queue on the advisory lock, because waiting for it costs less than for the row. These
  -- are assignments, because `perform` would start the executor for each.
  v_lock := set_config('lock_timeout', '900ms', true);
  v_lock := pg_advisory_xact_lock(hashtextextended(p_auction_id::text, 0));
  v_lock := set_config('lock_timeout', '200ms', true);
  -- The lock of the bidder lets a suspension wait for this bid, or this bid for the suspension.
  perform from public.auctions as a cross join public.users as u
  where a.id = p_auction_id and u.id = v_bidder_id
  for no key update of a
  for key share of u;
  -- Read the clock after the locks: a bid that waited for them past the end is too late.
  v_now := private.clock();
  -- Use a separate statement, because a statement that waits for a row reads other tables as they
  -- were before the wait. It would miss a withdrawal that held the lock.
  select
    a.id, a.listing_id, a.status, a.start_at, a.end_at, a.scheduled_end_at, a.current_price_cents,
    a.min_next_bid_cents, a.high_bid_id, a.high_bidder_id, a.bid_count, a.reserve_met, a.version,
    l.seller_id, l.title, seller.suspended_at is not null or seller.deleted_at is not null,
    secret.reserve_cents, leader.max_cents,
    (select max(b.seq) from public.bids as b where b.auction_id = a.id),
    u.id, u.kyc, u.suspended_at is not null,
    exists (
      select from private.bid_withdrawals as w
      where w.auction_id = a.id and w.bidder_id = v_bidder_id
    ),
    exists (select from public.user_strikes as s where s.user_id = v_bidder_id),
    (
      select jsonb_object_agg(s.key, s.value) from private.app_settings as s
      where s.key in (
        'bid_increments', 'snipe_window_s', 'snipe_extend_s', 'snipe_max_total_s',
        'strike_block_threshold'
      )
    ),
    leader.bidder_number, null, log.bidder_count, log.seq, log.hash, log.rules_hash
  into v_standing
  from public.auctions as a
  join public.listings as l on l.id = a.listing_id
  join public.users as seller on seller.id = l.seller_id
  left join private.listing_private as secret on secret.listing_id = a.listing_id
  left join private.proxy_bids as leader
    on leader.auction_id = a.id and leader.bidder_id = a.high_bidder_id
  left join lateral (
    select b.seq, b.hash, b.bidder_count, b.rules_hash from private.bid_log as b
    where b.auction_id = a.id order by b.seq desc limit 1
  ) as log on true
  left join public.users as u on u.id = v_bidder_id and u.deleted_at is null
  where a.id = p_auction_id;

  v_answer := private.bid_refusal(v_standing, p_amount_cents, p_max_cents, v_now);
  if v_answer is not null then
    return v_answer;
  end if;
  if v_standing.log_rules_hash is distinct from jsonb_hash_extended(v_standing.rules, 0) then
    v_standing := private.continued_standing(v_standing, v_now);
  end if;
  if v_standing.leader_id = v_bidder_id then
    v_answer := private.raise_maximum(v_standing, p_amount_cents, p_max_cents, v_now);
  else
    v_answer := private.record_bid(v_standing, p_amount_cents, p_max_cents, v_now);
  end if;
  if p_client_bid_id is not null then
    insert into private.bid_receipts (bidder_id, client_bid_id, auction_id, receipt)
    values (v_bidder_id, p_client_bid_id, p_auction_id, v_answer);
  end if;
  return v_answer;
exception
  -- This undoes everything in the block, the use of the rate limit too. The block spans locks and
  -- writes on purpose: a row locked in a block and changed after it needs a multixact, which halves
  -- the throughput of 96 bidders.
  when lock_not_available then
    return private.refusal('AUCTION_BUSY', 'Please try again in a moment');
end;
$$;

create function private.requeue_webhook_event(p_event_id text, p_client_request_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'requeue_webhook_event', p_client_request_id, md5(p_event_id)::uuid
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  return private.finish_request(
    p_client_request_id,
    private.requeue_event(p_event_id, auth.uid(), 'The event got all of its tries again')
  );
end;
$$;

comment on function private.requeue_webhook_event is 'Give an open or dead event all of its tries again; see the public wrapper.';

grant execute on function private.requeue_webhook_event to authenticated, service_role;

create function private.requeue_event(p_event_id text, p_actor_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_event public.webhook_events;
  v_now timestamptz;
begin
  v_event := private.lock_event(p_event_id);
  v_now := private.clock();
  if v_event.processed_at is not null then
    return private.refusal('CONFLICT', 'This event is settled already');
  end if;

  update public.webhook_events
  set
    status = 'received', attempts = 0, next_attempt_at = v_now, leased_until = null,
    lease_token = null
  where event_id = p_event_id;
  perform private.write_audit(
    p_actor_id, 'webhook_event_requeued', 'webhook_events', p_event_id, p_reason,
    jsonb_build_object('status', v_event.status)
  );
  return jsonb_build_object('success', true);
end;
$$;

comment on function private.requeue_event is 'Give an open or dead event all of its tries again, due at once, and audit it; or return the refusal. Raises EVENT_NOT_FOUND.';

create function private.replay_webhook_event(p_event_id text, p_actor_id uuid, p_reason text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event public.webhook_events;
begin
  select * into v_event from public.webhook_events where event_id = p_event_id for update;
  if v_event.event_id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'There is no such event');
  elsif v_event.status = 'received' and v_event.attempts = 0 then
    return jsonb_build_object('success', true);
  end if;
  return coalesce(
    private.reason_refusal(p_reason),
    private.requeue_event(p_event_id, p_actor_id, private.plain_reason(p_reason))
  );
end;
$$;

comment on function private.replay_webhook_event is 'Give an event all of its tries again for a member of staff; see the public wrapper.';

grant execute on function private.replay_webhook_event to service_role;

create function private.list_dead_events(p_max_rows integer, p_after_id text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_after_at constant timestamptz := (
    select received_at from public.webhook_events where event_id = p_after_id
  );
begin
  return (
    select coalesce(jsonb_agg(to_jsonb(page) order by page.received_at desc, page.event_id desc), '[]')
    from (
      -- The payload may describe a person, so it is left out.
      select
        event_id, source, type, order_ref, object_id, attempts, error_code, error_message,
        created_at, received_at
      from public.webhook_events
      where
        status = 'dead'
        and (p_after_id is null or (received_at, event_id) < (v_after_at, p_after_id))
      order by received_at desc, event_id desc
      limit p_max_rows
    ) as page
  );
end;
$$;

comment on function private.list_dead_events is 'Return a page of the dead events; see the public wrapper.';

grant execute on function private.list_dead_events to service_role;

create function private.requeue_ignored_events(
  p_type text, p_since text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'requeue_ignored_events', p_client_request_id, md5(p_type || ':' || p_since)::uuid
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  return private.finish_request(
    p_client_request_id, private.requeue_unhandled(p_type, private.time_or_null(p_since))
  );
end;
$$;

comment on function private.requeue_ignored_events is 'Make events due again that were ignored without a handler; see the public wrapper.';

grant execute on function private.requeue_ignored_events to authenticated, service_role;

create function private.requeue_unhandled(p_type text, p_since timestamptz)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_count integer;
begin
  if p_type is null or p_since is null then
    return private.refusal(
      'VALIDATION_ERROR', 'Give an event type, and a time with an offset as 2026-12-02T20:00:00Z'
    );
  end if;
  update public.webhook_events
  set
    status = 'received', outcome = null, processed_at = null, attempts = 0,
    next_attempt_at = v_now, error_code = null
  where type = p_type
    and received_at >= p_since
    and outcome = 'ignored'
    and error_code = 'unhandled_type'
    and payload is not null;
  get diagnostics v_count = row_count;
  perform private.write_audit(
    auth.uid(), 'ignored_events_requeued', 'webhook_events', p_type,
    'Events that had no handler became due again',
    jsonb_build_object('since', p_since, 'count', v_count)
  );
  return jsonb_build_object('success', true, 'count', v_count);
end;
$$;

comment on function private.requeue_unhandled is 'Make the events of a type due again that had no handler, and audit it; or return the refusal.';

create or replace function private.call_off(p_listing_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
  v_now timestamptz;
begin
  -- Check the owner before locking, so another user's calls cannot delay bidders.
  perform from public.listings
  where id = p_listing_id and (seller_id = auth.uid() or private.is_staff());
  if not found then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  end if;
  select * into v_auction from public.auctions where listing_id = p_listing_id for no key update;
  select * into v_listing from public.listings where id = p_listing_id for no key update;
  v_now := private.clock();
  if v_listing.status = 'cancelled' then
    return jsonb_build_object('success', true);
  elsif
    v_listing.status = 'ended' or v_auction.status = 'live' and v_auction.end_at <= v_now
  then
    return private.refusal('LISTING_OVER', 'This listing is over');
  elsif v_auction.high_bidder_id is not null then
    return private.refusal('LISTING_HAS_BIDS', 'A listing with bids cannot be cancelled');
  end if;
  update public.auctions
  set status = 'cancelled', finalized_at = v_now, version = version + 1, updated_at = v_now
  where id = v_auction.id;
  update public.listings set status = 'cancelled', updated_at = v_now where id = p_listing_id;
  if v_listing.seller_id <> auth.uid() then
    perform private.write_audit(
      auth.uid(), 'listing_cancelled', 'listings', p_listing_id::text,
      'Staff cancelled a listing without bids'
    );
  end if;
  return jsonb_build_object('success', true);
end;
$$;

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
  v_seller public.users;
  v_now timestamptz;
  v_refusal jsonb;
  v_auction_id uuid;
begin
  -- The lock lets a suspension wait for the new listing, or the listing for the suspension.
  select * into v_seller from public.users where id = v_listing.seller_id for key share;
  v_now := private.clock();
  v_listing.start_at := greatest(p_start_at, v_now);
  v_listing.end_at := coalesce(
    p_end_at,
    v_listing.start_at + private.setting('listing_default_days')::integer * interval '24 hours'
  );
  v_refusal := coalesce(
    private.seller_refusal(v_seller),
    private.listing_refusal(v_listing, p_reserve_cents, p_street, v_now),
    private.contact_text_refusal(v_listing.title, v_listing.description)
  );
  -- Count the call last, so that the seller may try again after a mistake.
  v_refusal := coalesce(v_refusal, private.use_rate_limit('create_listing'));
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

create or replace function private.is_under_review(p_message_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.messages where id = p_message_id and delivery = 'held'
  ) or exists (
    select from public.content_reports where message_id = p_message_id and status = 'open'
  );
end;
$$;

comment on function private.is_under_review is 'Return true while staff must still decide about a held message, or about a report of it. Its original stays as long.';

create or replace function private.reviewer_refusal(p_message public.messages, p_reason text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_message.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Message not found');
  elsif exists (
    select from public.message_threads
    where id = p_message.thread_id and auth.uid() in (buyer_id, seller_id)
  ) then
    return private.refusal('FORBIDDEN', 'You are a party of this conversation');
  end if;
  return private.reason_refusal(p_reason);
end;
$$;

create function private.staff_list_held_messages(p_max_rows integer, p_after_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_after_at constant timestamptz := (
    select created_at from public.messages where id = p_after_id
  );
begin
  perform private.refuse_unless_staff();
  if p_max_rows is null or p_max_rows not between 1 and 100 then
    return private.refusal('VALIDATION_ERROR', 'A page has 1 to 100 rows');
  end if;
  return jsonb_build_object('success', true, 'messages', (
    select coalesce(jsonb_agg(to_jsonb(page) order by page.created_at, page.id), '[]')
    from (
      select
        message.id, message.thread_id, message.sender_id, thread.listing_id, thread.subject,
        message.content, message.reason_codes, sealed.risk_score, message.created_at
      from public.messages as message
      join public.message_threads as thread on thread.id = message.thread_id
      left join private.message_originals as sealed on sealed.message_id = message.id
      where
        message.delivery = 'held'
        and auth.uid() not in (thread.buyer_id, thread.seller_id)
        and (
          p_after_id is null
          -- The first comparison serves the index, which has the time alone.
          or message.created_at >= v_after_at
          and (message.created_at, message.id) > (v_after_at, p_after_id)
        )
      order by message.created_at, message.id
      limit p_max_rows
    ) as page
  ));
end;
$$;

comment on function private.staff_list_held_messages is 'Return a page of the held messages to staff; see the public wrapper.';

grant execute on function private.staff_list_held_messages to authenticated;

create function private.staff_list_reports(p_max_rows integer, p_after_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_after_at constant timestamptz := (
    select created_at from public.content_reports where id = p_after_id
  );
begin
  perform private.refuse_unless_staff();
  if p_max_rows is null or p_max_rows not between 1 and 100 then
    return private.refusal('VALIDATION_ERROR', 'A page has 1 to 100 rows');
  end if;
  return jsonb_build_object('success', true, 'reports', (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'id', page.id, 'reporter_id', page.reporter_id, 'listing_id', page.listing_id,
          'message_id', page.message_id, 'user_id', page.user_id,
          'reported_user_id', private.owner_of_target(page), 'reason', page.reason,
          'created_at', page.created_at
        )
        order by page.created_at, page.id
      ),
      '[]'
    )
    from (
      select report.* from public.content_reports as report
      where
        report.status = 'open'
        and (
          p_after_id is null or (report.created_at, report.id) > (v_after_at, p_after_id)
        )
      order by report.created_at, report.id
      limit p_max_rows
    ) as page
  ));
end;
$$;

comment on function private.staff_list_reports is 'Return a page of the open reports to staff; see the public wrapper.';

grant execute on function private.staff_list_reports to authenticated;

create function private.staff_withdraw_bids(
  p_auction_id uuid, p_bidder_id uuid, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'staff_withdraw_bids', p_client_request_id, md5(p_auction_id || ':' || p_bidder_id)::uuid
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  v_answer := coalesce(
    private.reason_refusal(p_reason),
    private.withdraw_as_staff(p_auction_id, p_bidder_id, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

comment on function private.staff_withdraw_bids is 'Withdraw one user''s bids from one auction as staff; see the public wrapper.';

grant execute on function private.staff_withdraw_bids to authenticated;

create function private.withdraw_as_staff(p_auction_id uuid, p_bidder_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
begin
  select * into v_auction from public.auctions where id = p_auction_id for no key update;
  if v_auction.id is null then
    return private.refusal('AUCTION_NOT_FOUND', 'Auction not found');
  elsif private.takes_part(v_auction, auth.uid()) then
    return private.refusal('FORBIDDEN', 'You take part in this auction');
  elsif exists (
    select from private.bid_withdrawals
    where auction_id = p_auction_id and bidder_id = p_bidder_id
  ) then
    return jsonb_build_object('success', true);
  elsif v_auction.status <> 'live' then
    return private.refusal('AUCTION_NOT_LIVE', 'Auction is not live');
  elsif not private.withdraw_bids(p_auction_id, array[p_bidder_id], auth.uid(), p_reason) then
    return private.refusal('CONFLICT', 'This user has no bids in this auction');
  end if;
  perform private.write_audit(
    auth.uid(), 'bids_withdrawn', 'auctions', p_auction_id::text, p_reason,
    jsonb_build_object('bidder_id', p_bidder_id)
  );
  return jsonb_build_object('success', true);
end;
$$;

comment on function private.withdraw_as_staff is 'Withdraw the bids and audit it, or return the refusal. A repeat changes nothing and succeeds.';

create function private.takes_part(p_auction public.auctions, p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.listings where id = p_auction.listing_id and seller_id = p_user_id
  ) or exists (
    select from public.bids where auction_id = p_auction.id and bidder_id = p_user_id
  );
end;
$$;

comment on function private.takes_part is 'Return true if a user sells in an auction or has ever bid in it.';

create function private.staff_remove_listing(
  p_listing_id uuid, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'staff_remove_listing', p_client_request_id, p_listing_id
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  v_answer := coalesce(
    private.reason_refusal(p_reason),
    private.remove_listing(p_listing_id, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

comment on function private.staff_remove_listing is 'Remove a listing as staff, with bids or without; see the public wrapper.';

grant execute on function private.staff_remove_listing to authenticated;

create function private.remove_listing(p_listing_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
  v_now timestamptz;
begin
  select * into v_auction from public.auctions where listing_id = p_listing_id for no key update;
  select * into v_listing from public.listings where id = p_listing_id for no key update;
  v_now := private.clock();
  if v_listing.id is null then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  elsif private.takes_part(v_auction, auth.uid()) then
    return private.refusal('FORBIDDEN', 'You take part in this auction');
  elsif v_listing.status = 'cancelled' then
    return jsonb_build_object('success', true);
  elsif v_auction.status not in ('scheduled', 'live') then
    return private.refusal('LISTING_OVER', 'This listing is over');
  end if;
  perform private.cancel_auction(v_auction.id, v_now);
  perform private.write_audit(
    auth.uid(), 'listing_removed', 'listings', p_listing_id::text, p_reason,
    jsonb_build_object(
      'auction_id', v_auction.id, 'seller_id', v_listing.seller_id,
      'bid_count', v_auction.bid_count
    )
  );
  return jsonb_build_object('success', true);
end;
$$;

comment on function private.remove_listing is 'Cancel a listing that is not over, with its auction, and audit it; or return the refusal. A repeat changes nothing and succeeds.';

create function private.report_content(
  p_reason text, p_listing_id uuid, p_message_id uuid, p_user_id uuid, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'report_content', p_client_request_id, coalesce(p_listing_id, p_message_id, p_user_id)
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
    private.reporter_refusal(),
    private.use_rate_limit('report_content'),
    private.reason_refusal(p_reason),
    private.target_refusal(v_report),
    private.store_report(v_report)
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

comment on function private.report_content is 'Report a listing, a message or a user to staff; see the public wrapper.';

grant execute on function private.report_content to authenticated;

create function private.reporter_refusal()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_user public.users;
begin
  select * into v_user from public.users where id = auth.uid() and deleted_at is null;
  if v_user.id is null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif v_user.suspended_at is not null then
    return private.refusal('USER_SUSPENDED', 'Your account is suspended');
  end if;
  return null;
end;
$$;

comment on function private.reporter_refusal is 'Return the refusal of a caller who may not report, or null.';

create function private.target_refusal(p_report public.content_reports)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_owner_id constant uuid := private.owner_of_target(p_report);
begin
  if num_nonnulls(p_report.listing_id, p_report.message_id, p_report.user_id) <> 1 then
    return private.refusal('VALIDATION_ERROR', 'Report one listing, one message or one user');
  elsif not private.is_target_visible(p_report) then
    return case
      when p_report.listing_id is not null
        then private.refusal('LISTING_NOT_FOUND', 'Listing not found')
      when p_report.message_id is not null
        then private.refusal('RESOURCE_NOT_FOUND', 'Message not found')
      else private.refusal('RESOURCE_NOT_FOUND', 'User not found')
    end;
  elsif v_owner_id = p_report.reporter_id then
    return private.refusal('FORBIDDEN', 'You cannot report yourself');
  end if;
  return null;
end;
$$;

comment on function private.target_refusal is 'Return the refusal of a report whose target is not one, is invisible to the reporter or belongs to the reporter. Otherwise return null.';

create function private.owner_of_target(p_report public.content_reports)
returns uuid
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce(
    p_report.user_id,
    (select seller_id from public.listings where id = p_report.listing_id),
    (select sender_id from public.messages where id = p_report.message_id)
  );
end;
$$;

comment on function private.owner_of_target is 'Return the reported user, the seller of a reported listing or the sender of a reported message.';

create function private.is_target_visible(p_report public.content_reports)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.listings
    where
      id = p_report.listing_id
      and (status <> 'cancelled' or seller_id = p_report.reporter_id or private.is_staff())
  ) or exists (
    select from public.messages as message
    join public.message_threads as thread on thread.id = message.thread_id
    where
      message.id = p_report.message_id
      and (
        message.sender_id = p_report.reporter_id
        or message.delivery = 'delivered'
        and p_report.reporter_id in (thread.buyer_id, thread.seller_id)
        or p_report.reporter_id not in (thread.buyer_id, thread.seller_id) and private.is_staff()
      )
  ) or exists (
    select from public.users where id = p_report.user_id and deleted_at is null
  );
end;
$$;

comment on function private.is_target_visible is 'Return true if the target exists and the policies of its table let the reporter read it.';

create function private.store_report(p_report public.content_reports)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_id uuid;
  v_now timestamptz;
begin
  v_now := private.clock();
  insert into public.content_reports (
    reporter_id, listing_id, message_id, user_id, reason, created_at
  )
  values (
    p_report.reporter_id, p_report.listing_id, p_report.message_id, p_report.user_id,
    p_report.reason, v_now
  )
  on conflict do nothing
  returning id into v_id;
  if v_id is null then
    select id into v_id from public.content_reports
    where
      reporter_id = p_report.reporter_id
      and (listing_id, message_id, user_id)
      is not distinct from (p_report.listing_id, p_report.message_id, p_report.user_id);
  end if;
  return jsonb_build_object('success', true, 'report_id', v_id);
end;
$$;

comment on function private.store_report is 'Store a report. A second report of the same user about the same target changes nothing and answers the first one''s id.';

create function private.staff_decide_report(
  p_report_id uuid, p_uphold boolean, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request('staff_decide_report', p_client_request_id, p_report_id);
  v_report public.content_reports;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  select * into v_report from public.content_reports where id = p_report_id for no key update;
  v_answer := coalesce(
    private.decision_about_report_refusal(v_report, p_uphold, p_reason),
    private.store_report_decision(v_report, p_uphold, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

comment on function private.staff_decide_report is 'Decide about a report as staff; see the public wrapper.';

grant execute on function private.staff_decide_report to authenticated;

create function private.decision_about_report_refusal(
  p_report public.content_reports, p_uphold boolean, p_reason text
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_report.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Report not found');
  elsif auth.uid() in (p_report.reporter_id, private.owner_of_target(p_report)) then
    return private.refusal('FORBIDDEN', 'This report is yours or about you');
  elsif p_uphold is null then
    return private.refusal('VALIDATION_ERROR', 'A decision is true to uphold or false to dismiss');
  elsif p_report.status <> 'open' and (p_report.status = 'upheld') <> p_uphold then
    return private.refusal('CONFLICT', 'This report is decided already');
  end if;
  return private.reason_refusal(p_reason);
end;
$$;

comment on function private.decision_about_report_refusal is 'Return the reason why this member of staff cannot decide so about a report, or null.';

create function private.store_report_decision(
  p_report public.content_reports, p_uphold boolean, p_reason text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  if p_report.status = 'open' then
    v_now := private.clock();
    update public.content_reports
    set
      status = case when p_uphold then 'upheld' else 'dismissed' end::public.report_status,
      decided_by = auth.uid(),
      decided_at = v_now,
      updated_at = v_now
    where id = p_report.id;
    perform private.write_audit(
      auth.uid(), case when p_uphold then 'report_upheld' else 'report_dismissed' end,
      'content_reports', p_report.id::text, p_reason,
      jsonb_strip_nulls(jsonb_build_object(
        'listing_id', p_report.listing_id, 'message_id', p_report.message_id,
        'user_id', p_report.user_id
      ))
    );
  end if;
  return jsonb_build_object('success', true);
end;
$$;

comment on function private.store_report_decision is 'Record a decision about a report, and audit it. The same decision again changes nothing.';

create function private.admin_set_role(
  p_user_id uuid, p_role text, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request('admin_set_role', p_client_request_id, p_user_id);
  v_user public.users;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_admin();
  perform private.lock_admins();
  select * into v_user from public.users where id = p_user_id for no key update;
  -- Another admin may have taken the caller's role during the wait for the locks.
  perform private.refuse_unless_admin();
  v_answer := coalesce(
    private.reason_refusal(p_reason),
    private.role_refusal(v_user, p_role),
    private.store_role(v_user, p_role, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

comment on function private.admin_set_role is 'Change the role of a user as an admin; see the public wrapper.';

grant execute on function private.admin_set_role to authenticated;

create function private.refuse_unless_admin()
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if not private.is_admin() then
    raise sqlstate 'PT403' using message = 'FORBIDDEN';
  end if;
end;
$$;

comment on function private.refuse_unless_admin is 'Raise FORBIDDEN unless the caller is an admin, with a second factor where require_staff_aal2 is true.';

create function private.role_refusal(p_user public.users, p_role text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_user.id is null or p_user.deleted_at is not null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif p_role is null or p_role <> all(enum_range(null::public.user_role)::text[]) then
    return private.refusal('VALIDATION_ERROR', 'A role is buyer, seller, moderator or admin');
  elsif p_role = p_user.role::text then
    return null;
  elsif p_user.role = 'admin' and not exists (
    select from public.users
    where
      role = 'admin' and id <> p_user.id and suspended_at is null and deleted_at is null
  ) then
    return private.refusal('LAST_ADMIN', 'The last admin keeps the role');
  elsif p_role in ('moderator', 'admin') and not private.may_become_staff(p_user.id) then
    return private.refusal('SECOND_FACTOR_REQUIRED', 'This user has no verified second factor');
  end if;
  return null;
end;
$$;

comment on function private.role_refusal is 'Return the reason why a user cannot get a role, or null. The caller has locked all admins.';

create function private.may_become_staff(p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return not private.setting('require_staff_aal2')::boolean or exists (
    select from auth.mfa_factors where user_id = p_user_id and status = 'verified'
  );
end;
$$;

comment on function private.may_become_staff is 'Return true if a user has a verified second factor, or staff need none.';

create function private.store_role(p_user public.users, p_role text, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if p_role <> p_user.role::text then
    update public.users set role = p_role::public.user_role where id = p_user.id;
    perform private.write_audit(
      auth.uid(), 'role_set', 'users', p_user.id::text, p_reason,
      jsonb_build_object('from', p_user.role, 'to', p_role)
    );
  end if;
  return jsonb_build_object('success', true);
end;
$$;

comment on function private.store_role is 'Store a new role, and audit it. The same role again changes nothing.';

create function private.staff_suspend_user(
  p_user_id uuid, p_reason text, p_lift boolean, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_reason constant text := private.plain_reason(p_reason);
  v_answer jsonb := private.begin_request('staff_suspend_user', p_client_request_id, p_user_id);
  v_user public.users;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  v_answer := private.reason_refusal(p_reason);
  if v_answer is null then
    v_user := private.lock_person(p_user_id);
    -- Another admin may have taken the caller's rights during the wait for the locks.
    perform private.refuse_unless_staff();
    v_answer := coalesce(
      private.suspension_refusal(v_user),
      case
        when coalesce(p_lift, false) then private.lift_suspension(v_user, v_reason)
        else private.suspend_user(v_user, v_reason)
      end
    );
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

comment on function private.staff_suspend_user is 'Suspend a user as staff, or lift the suspension; see the public wrapper.';

grant execute on function private.staff_suspend_user to authenticated;

create function private.lock_person(p_user_id uuid)
returns public.users
language plpgsql
set search_path = ''
as $$
declare
  v_auction_ids uuid[];
  v_user public.users;
begin
  -- A bid locks its auction first and its bidder second, so this does too. A bid or a listing that
  -- was under way may have added an auction before the lock of the user was granted. Then release
  -- all locks and begin again. A rate limit bounds how often a user can cause that.
  loop
    v_auction_ids := private.running_auctions_of(p_user_id);
    begin
      perform from public.auctions where id = any(v_auction_ids) order by id for no key update;
      perform private.lock_admins();
      select * into v_user from public.users where id = p_user_id for update;
      if private.running_auctions_of(p_user_id) <@ v_auction_ids then
        return v_user;
      end if;
      raise sqlstate 'AM001';
    exception when sqlstate 'AM001' then
      null;
    end;
  end loop;
end;
$$;

comment on function private.lock_person is 'Lock the running auctions in which a user sells or has bids, then all admins, then the user. Return the user, or null for an unknown one. Bids and listings of this user that follow wait, and then see the change.';

create function private.running_auctions_of(p_user_id uuid)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return array(
    select a.id from public.listings as l
    join public.auctions as a on a.listing_id = l.id
    where l.seller_id = p_user_id and a.status in ('scheduled', 'live')
    union
    select a.id from private.proxy_bids as p
    join public.auctions as a on a.id = p.auction_id
    where p.bidder_id = p_user_id and a.status = 'live'
  );
end;
$$;

comment on function private.running_auctions_of is 'Return the scheduled and live auctions of a seller, and the live ones in which the user has bids.';

create function private.lock_admins()
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform from public.users where role = 'admin' order by id for no key update;
end;
$$;

comment on function private.lock_admins is 'Lock all admins. Changes of admins thereby take turns, so two of them cannot remove the last two admins.';

create function private.suspension_refusal(p_user public.users)
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
  end if;
  return null;
end;
$$;

comment on function private.suspension_refusal is 'Return the reason why this member of staff cannot suspend a user, or null.';

create function private.suspend_user(p_user public.users, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_metadata jsonb;
begin
  if p_user.suspended_at is not null then
    return jsonb_build_object('success', true);
  end if;
  v_now := private.clock();
  update public.users set suspended_at = v_now where id = p_user.id;
  delete from auth.sessions where user_id = p_user.id;
  v_metadata := jsonb_build_object(
    'auctions_cancelled', private.cancel_auctions_of(p_user.id, v_now),
    'bids_withdrawn', private.withdraw_all_bids_of(p_user.id, p_reason)
  );
  perform private.write_audit(
    auth.uid(), 'user_suspended', 'users', p_user.id::text, p_reason, v_metadata
  );
  return jsonb_build_object('success', true);
end;
$$;

comment on function private.suspend_user is 'Suspend a user that lock_person has locked: end the sessions, cancel the running auctions, withdraw the bids from live ones. A suspended user stays so, and nothing is recorded.';

create function private.cancel_auctions_of(p_user_id uuid, p_now timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  perform private.cancel_auction(own.id, p_now)
  from (
    select a.id from public.listings as l
    join public.auctions as a on a.listing_id = l.id
    where l.seller_id = p_user_id and a.status in ('scheduled', 'live')
    order by a.id
  ) as own;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.cancel_auctions_of is 'Cancel the scheduled and live auctions of a seller, and return their number. The caller has locked them.';

create function private.withdraw_all_bids_of(p_user_id uuid, p_reason text)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  perform private.withdraw_bids(bid_on.id, array[p_user_id], auth.uid(), p_reason)
  from (
    select a.id from private.proxy_bids as p
    join public.auctions as a on a.id = p.auction_id
    where p.bidder_id = p_user_id and a.status = 'live'
    order by a.id
  ) as bid_on;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.withdraw_all_bids_of is 'Withdraw the bids of a user from all live auctions, and return the number of auctions. The caller has locked them.';

create function private.lift_suspension(p_user public.users, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if p_user.suspended_at is not null then
    update public.users set suspended_at = null where id = p_user.id;
    perform private.write_audit(
      auth.uid(), 'suspension_lifted', 'users', p_user.id::text, p_reason
    );
  end if;
  return jsonb_build_object('success', true);
end;
$$;

comment on function private.lift_suspension is 'Lift a suspension, and audit it. Cancelled auctions and withdrawn bids stay as they are.';

create function private.cron_status()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_jobs jsonb := '[]';
begin
  if to_regclass('cron.job') is not null then
    select coalesce(
      jsonb_agg(
        jsonb_build_object('name', jobname, 'schedule', schedule, 'is_active', active)
        order by jobname
      ),
      '[]'
    )
    into v_jobs
    from cron.job;
  end if;
  return jsonb_build_object('cron_jobs', v_jobs, 'job_runs', (
    select coalesce(jsonb_agg(to_jsonb(run) - 'id' order by run.id desc), '[]')
    from (select * from private.job_runs order by id desc limit 50) as run
  ));
end;
$$;

comment on function private.cron_status is 'Return the jobs of pg_cron and the last runs of the workers'' jobs; see the public wrapper.';

grant execute on function private.cron_status to service_role;

create function private.requeue_outbox(
  p_outbox_id uuid, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request('requeue_outbox', p_client_request_id, p_outbox_id);
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  return private.finish_request(
    p_client_request_id, private.requeue_dead_row(p_outbox_id, p_reason)
  );
end;
$$;

comment on function private.requeue_outbox is 'Give a dead row all of its tries again; see the public wrapper.';

grant execute on function private.requeue_outbox to authenticated, service_role;

create function private.requeue_dead_row(p_outbox_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_refusal constant jsonb := private.reason_refusal(p_reason);
  v_job public.outbox;
  v_now timestamptz;
begin
  select * into v_job from public.outbox where id = p_outbox_id for update;
  v_now := private.clock();
  if v_job.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'There is no such outbox row');
  elsif v_refusal is not null then
    return v_refusal;
  elsif v_job.status <> 'dead' then
    return private.refusal('CONFLICT', 'Only a dead row can be queued again');
  end if;

  update public.outbox
  set
    status = 'queued', attempts = 0, next_attempt_at = v_now,
    payload = payload - 'unpaid_since'
  where id = p_outbox_id;
  perform private.write_audit(
    auth.uid(), 'outbox_row_requeued', 'outbox', p_outbox_id::text,
    private.plain_reason(p_reason),
    jsonb_build_object('kind', v_job.kind, 'last_error', v_job.last_error)
  );
  return jsonb_build_object('success', true);
end;
$$;

comment on function private.requeue_dead_row is 'Queue a dead row again with all of its tries, and audit it; or return the refusal.';

create function private.release_transfers(
  p_seller_id uuid, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request('release_transfers', p_client_request_id, p_seller_id);
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  v_answer := coalesce(
    private.reason_refusal(p_reason),
    private.release_blocked_transfers(p_seller_id, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

comment on function private.release_transfers is 'Let the transfers of a seller go on although the seller owes a reversal; see the public wrapper.';

grant execute on function private.release_transfers to authenticated, service_role;

create function private.release_blocked_transfers(p_seller_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  update public.outbox set payload = payload || '{"transfers_released": true}'
  where id in (select id from private.blocking_reversals(p_seller_id));
  get diagnostics v_count = row_count;
  if v_count = 0 then
    return private.refusal('CONFLICT', 'No transfer of this seller waits for a reversal');
  end if;
  perform private.wake_transfers(p_seller_id);
  perform private.write_audit(
    auth.uid(), 'transfers_released', 'users', p_seller_id::text, p_reason,
    jsonb_build_object('reversals', v_count)
  );
  return jsonb_build_object('success', true, 'reversals', v_count);
end;
$$;

comment on function private.release_blocked_transfers is 'Mark the reversals that block a seller''s transfers as released, and audit it; or return the refusal.';

create function public.session_is_staff(user_id uuid, session_id uuid, aal text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.session_is_staff(
    session_is_staff.user_id, session_is_staff.session_id, session_is_staff.aal
  );
end;
$$;

comment on function public.session_is_staff is 'Return the state of a verified JWT''s session. Answers is_live, is_suspended, role, and is_staff: the user is a moderator or an admin, with a second factor where require_staff_aal2 is true. aal is the strength that the token names.';

grant execute on function public.session_is_staff to service_role;

create function public.finalize_auctions(
  actor_id uuid, request_id uuid, reason text, auction_id uuid default null,
  force boolean default false
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.finalize_auctions(
    finalize_auctions.actor_id, finalize_auctions.request_id, finalize_auctions.reason,
    finalize_auctions.auction_id, coalesce(finalize_auctions.force, false)
  );
end;
$$;

comment on function public.finalize_auctions is 'Close one auction, by force even before its end, or up to 100 whose end has come: {success, result, audit_log}. result is the answer of end_auction or end_expired_auctions. Audited with this member of staff, whose rights the caller has checked. The same request_id gets the same answer. Refusals: VALIDATION_ERROR, and those of end_auction.';

grant execute on function public.finalize_auctions to service_role;

create function public.closing_status(max_rows integer default 100)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.closing_status(closing_status.max_rows);
end;
$$;

comment on function public.closing_status is 'Answers server_time, expired_count, expired_auctions (live ones whose end has come, the longest overdue first, with the failed tries to close them), recently_closed (the last ten).';

grant execute on function public.closing_status to service_role;

create function public.requeue_webhook_event(
  event_id text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.requeue_webhook_event(
    requeue_webhook_event.event_id, requeue_webhook_event.client_request_id
  );
end;
$$;

comment on function public.requeue_webhook_event is 'Give a dead or open event all of its tries again, due at once; for staff and our own processes, audited. Refusals: CONFLICT when it is settled, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN, EVENT_NOT_FOUND.';

grant execute on function public.requeue_webhook_event to authenticated, service_role;

create function public.requeue_ignored_events(
  type text, since text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.requeue_ignored_events(
    requeue_ignored_events.type, requeue_ignored_events.since,
    requeue_ignored_events.client_request_id
  );
end;
$$;

comment on function public.requeue_ignored_events is 'Make ignored events due again, for example when a new version handles their type: {success, count}. It takes the events of one type that were received since a time and had no handler; for staff and our own processes, audited. Refusals: VALIDATION_ERROR, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN.';

grant execute on function public.requeue_ignored_events to authenticated, service_role;

create function public.replay_webhook_event(event_id text, actor_id uuid, reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.replay_webhook_event(
    replay_webhook_event.event_id, replay_webhook_event.actor_id, replay_webhook_event.reason
  );
end;
$$;

comment on function public.replay_webhook_event is 'Give a dead or open event all of its tries again, due at once: {success}. Audited with this member of staff, whose rights the caller has checked. A repeat changes nothing and succeeds. Refusals: RESOURCE_NOT_FOUND, VALIDATION_ERROR, CONFLICT when the event is settled.';

grant execute on function public.replay_webhook_event to service_role;

create function public.list_dead_events(
  max_rows integer default 50, after_id text default null
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.list_dead_events(list_dead_events.max_rows, list_dead_events.after_id);
end;
$$;

comment on function public.list_dead_events is 'Return the dead events, the newest first: an array of {event_id, source, type, order_ref, object_id, attempts, error_code, error_message, created_at, received_at}. For the next page, send the id of the last event as after_id.';

grant execute on function public.list_dead_events to service_role;

create function public.report_content(
  reason text, listing_id uuid default null, message_id uuid default null,
  user_id uuid default null, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.report_content(
    report_content.reason, report_content.listing_id, report_content.message_id,
    report_content.user_id, report_content.client_request_id
  );
end;
$$;

comment on function public.report_content is 'Report one listing, one message or one user to staff: {success, report_id}. reason has 10 to 500 characters. A second report about the same target answers the id of the first and changes nothing. Refusals: LISTING_NOT_FOUND and RESOURCE_NOT_FOUND (also for a target that the caller may not read), FORBIDDEN (the caller''s own), VALIDATION_ERROR, USER_SUSPENDED, RATE_LIMITED, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';

grant execute on function public.report_content to authenticated;

create function public.staff_decide_report(
  report_id uuid, uphold boolean, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.staff_decide_report(
    staff_decide_report.report_id, staff_decide_report.uphold, staff_decide_report.reason,
    staff_decide_report.client_request_id
  );
end;
$$;

comment on function public.staff_decide_report is 'Uphold or dismiss a report as staff: {success}. It changes nothing else; other functions remove or suspend. The same decision again succeeds and changes nothing. Audited. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN (the caller reported or is reported), VALIDATION_ERROR, CONFLICT (decided otherwise), REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';

grant execute on function public.staff_decide_report to authenticated;

create function public.staff_suspend_user(
  user_id uuid, reason text, lift boolean default false, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.staff_suspend_user(
    staff_suspend_user.user_id, staff_suspend_user.reason, staff_suspend_user.lift,
    staff_suspend_user.client_request_id
  );
end;
$$;

comment on function public.staff_suspend_user is 'Suspend a user as staff: {success}. The sessions end, the user''s scheduled and live auctions are cancelled, and the user''s bids are withdrawn from live auctions. lift true ends the suspension; auctions and bids stay as they are. The same call again succeeds and changes nothing. Audited. Refusals: PROFILE_NOT_FOUND, FORBIDDEN (oneself, or an admin unless the caller is one), VALIDATION_ERROR, REQUEST_ID_REUSED. Raises FORBIDDEN for others than staff.';

grant execute on function public.staff_suspend_user to authenticated;

create function public.staff_withdraw_bids(
  auction_id uuid, bidder_id uuid, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.staff_withdraw_bids(
    staff_withdraw_bids.auction_id, staff_withdraw_bids.bidder_id, staff_withdraw_bids.reason,
    staff_withdraw_bids.client_request_id
  );
end;
$$;

comment on function public.staff_withdraw_bids is 'Withdraw all bids of one user from a live auction as staff, and bar the user from it: {success}. Price and leader follow from the maxima that remain. Seller and a new leader are notified with bids_withdrawn. A repeat succeeds and changes nothing. Audited. Refusals: AUCTION_NOT_FOUND, AUCTION_NOT_LIVE, FORBIDDEN (the caller sells or bids there), CONFLICT (no bids), VALIDATION_ERROR, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';

grant execute on function public.staff_withdraw_bids to authenticated;

create function public.staff_remove_listing(
  listing_id uuid, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.staff_remove_listing(
    staff_remove_listing.listing_id, staff_remove_listing.reason,
    staff_remove_listing.client_request_id
  );
end;
$$;

comment on function public.staff_remove_listing is 'Remove a scheduled or live listing as staff, with bids or without: {success}. The auction is cancelled, and the seller and the bidders get auction_cancelled. A repeat succeeds and changes nothing. Audited. Refusals: LISTING_NOT_FOUND, LISTING_OVER, FORBIDDEN (the caller sells or bids there), VALIDATION_ERROR, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';

grant execute on function public.staff_remove_listing to authenticated;

create function public.admin_set_role(
  user_id uuid, role text, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.admin_set_role(
    admin_set_role.user_id, admin_set_role.role, admin_set_role.reason,
    admin_set_role.client_request_id
  );
end;
$$;

comment on function public.admin_set_role is 'Change the role of a user as an admin: {success}. role is buyer, seller, moderator or admin. The same role again succeeds and changes nothing. Audited. Refusals: PROFILE_NOT_FOUND, SECOND_FACTOR_REQUIRED (a new member of staff has no verified second factor), LAST_ADMIN, VALIDATION_ERROR, REQUEST_ID_REUSED. Raises FORBIDDEN for others than admins.';

grant execute on function public.admin_set_role to authenticated;

create function public.staff_list_held_messages(
  max_rows integer default 50, after_id uuid default null
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.staff_list_held_messages(
    staff_list_held_messages.max_rows, staff_list_held_messages.after_id
  );
end;
$$;

comment on function public.staff_list_held_messages is 'List the held messages as staff, the oldest first: {success, messages [{id, thread_id, sender_id, listing_id, subject, content, reason_codes, risk_score, created_at}]}. content is masked. Messages to or from the caller are left out. For the next page, send the id of the last message as after_id. Refusal: VALIDATION_ERROR. Raises FORBIDDEN for others than staff.';

grant execute on function public.staff_list_held_messages to authenticated;

create function public.staff_list_reports(max_rows integer default 50, after_id uuid default null)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.staff_list_reports(staff_list_reports.max_rows, staff_list_reports.after_id);
end;
$$;

comment on function public.staff_list_reports is 'List the open reports as staff, the oldest first: {success, reports [{id, reporter_id, listing_id, message_id, user_id, reported_user_id, reason, created_at}]}. reported_user_id is the user behind the target. For the next page, send the id of the last report as after_id. Refusal: VALIDATION_ERROR. Raises FORBIDDEN for others than staff.';

grant execute on function public.staff_list_reports to authenticated;

create function public.cron_status()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.cron_status();
end;
$$;

comment on function public.cron_status is 'Answers cron_jobs [{name, schedule, is_active}], empty where the database has no pg_cron, and job_runs, the last 50 that workers recorded.';

grant execute on function public.cron_status to service_role;

create function public.requeue_outbox(
  outbox_id uuid, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.requeue_outbox(
    requeue_outbox.outbox_id, requeue_outbox.reason, requeue_outbox.client_request_id
  );
end;
$$;

comment on function public.requeue_outbox is 'Give a dead row all of its tries again, due at once: {success}; for staff and our own processes, audited. Refusals: RESOURCE_NOT_FOUND, VALIDATION_ERROR, CONFLICT, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN.';

grant execute on function public.requeue_outbox to authenticated, service_role;

create function public.release_transfers(
  seller_id uuid, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.release_transfers(
    release_transfers.seller_id, release_transfers.reason, release_transfers.client_request_id
  );
end;
$$;

comment on function public.release_transfers is 'Let the transfers of a seller go on although Stripe could not collect a reversal from the seller yet: {success, reversals}; for staff and our own processes, audited. Refusals: VALIDATION_ERROR, CONFLICT if no transfer waits, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN.';

grant execute on function public.release_transfers to authenticated, service_role;

alter table public.content_reports enable row level security;

grant select (
  id, reporter_id, listing_id, message_id, user_id, reason, status, decided_by, decided_at,
  created_at, updated_at
) on public.content_reports to authenticated;

create policy people_read_their_own_reports on public.content_reports
for select to authenticated
using (reporter_id = (select auth.uid()) or (select private.is_staff()));

comment on policy people_read_their_own_reports on public.content_reports is 'Users read the reports that they wrote; staff read all. A reported user learns nothing.';

alter table public.content_reports
alter column id set statistics 0,
alter column reporter_id set statistics 0,
alter column listing_id set statistics 0,
alter column message_id set statistics 0,
alter column user_id set statistics 0,
alter column reason set statistics 0,
alter column status set statistics 0,
alter column decided_by set statistics 0,
alter column decided_at set statistics 0,
alter column created_at set statistics 0,
alter column updated_at set statistics 0;
