create function private.queue_outbox(p_kind text, p_payload jsonb, p_dedupe_key text)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_id constant uuid := private.outbox_id(p_dedupe_key);
begin
  insert into public.outbox (id, kind, payload, dedupe_key, next_attempt_at)
  values (v_id, p_kind, p_payload, p_dedupe_key, v_now)
  on conflict (dedupe_key) do nothing;
  return v_id;
end;
$$;
comment on function private.queue_outbox is 'Queue work at Stripe, once per dedupe_key; return the id of the row, old or new.';

create function private.outbox_id(p_dedupe_key text)
returns uuid
language plpgsql
immutable
set search_path = ''
as $$
begin
  return md5('outbox:' || p_dedupe_key)::uuid;
end;
$$;
comment on function private.outbox_id is 'Return the id of the row with this key. It follows from the key, so a restored database makes the same row again.';

create function private.close_outbox(
  p_outbox_id uuid, p_status public.outbox_status, p_stripe_object_id text default null,
  p_last_error text default null, p_tries integer default 0
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.outbox
  set
    status = p_status,
    -- A try counts when its result is known: a worker that stops before it sends has spent none.
    attempts = attempts + p_tries,
    stripe_object_id = coalesce(p_stripe_object_id, stripe_object_id),
    last_error = p_last_error,
    leased_until = null,
    lease_token = null
  where id = p_outbox_id and status in ('queued', 'leased');
end;
$$;
comment on function private.close_outbox is 'Close an open row; a closed row stays as it is.';

create function private.complete_outbox(p_outbox_id uuid, p_stripe_object_id text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  -- Stripe has made the object, so a row that was canceled or dead meanwhile is done as well.
  update public.outbox
  set
    status = 'done', stripe_object_id = p_stripe_object_id, last_error = null,
    leased_until = null, lease_token = null
  where id = p_outbox_id and status <> 'done';
end;
$$;
comment on function private.complete_outbox is 'Mark a row as done by this object at Stripe, whatever its status was.';

create function private.revive_outbox(p_outbox_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  update public.outbox
  set
    status = 'queued', attempts = 0, unanswered_tries = 0, next_attempt_at = v_now,
    last_error = null
  where id = p_outbox_id and status in ('canceled', 'dead');
end;
$$;
comment on function private.revive_outbox is 'Queue a closed row again, with all of its tries.';

create function private.requeue_outbox(
  p_outbox_id uuid, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'requeue_outbox', p_client_request_id, jsonb_build_array(p_outbox_id, p_reason)
  );
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
  elsif private.is_party((v_job.payload ->> 'order_id')::uuid, auth.uid()) then
    return private.refusal('FORBIDDEN', 'You are a party of this order');
  elsif v_refusal is not null then
    return v_refusal;
  elsif v_job.status <> 'dead' then
    return private.refusal('CONFLICT', 'Only a dead row can be queued again');
  end if;

  update public.outbox
  set
    status = 'queued', attempts = 0, unanswered_tries = 0, next_attempt_at = v_now,
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

create function private.list_dead_outbox_rows(p_max_rows integer, p_after_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_after_at constant timestamptz := (
    select created_at from public.outbox where id = p_after_id
  );
begin
  return (
    select coalesce(jsonb_agg(to_jsonb(page) order by page.created_at desc, page.id desc), '[]')
    from (
      -- A payload names people and their accounts at Stripe, so only its order is answered.
      select
        id, kind, payload ->> 'order_id' as order_id, stripe_object_id, attempts, answered_errors,
        last_error, created_at, updated_at
      from public.outbox
      where
        status = 'dead'
        and (p_after_id is null or (created_at, id) < (v_after_at, p_after_id))
      order by created_at desc, id desc
      limit p_max_rows
    ) as page
  );
end;
$$;
comment on function private.list_dead_outbox_rows is 'Return a page of the dead rows; see the public wrapper.';
grant execute on function private.list_dead_outbox_rows to service_role;
