create function private.finalize_auctions(
  p_actor_id uuid, p_request_id uuid, p_reason text, p_auction_id uuid, p_force boolean
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_action constant text := case when p_force then 'auction_forced' else 'auctions_finalized' end;
  v_answer jsonb;
  v_auction public.auctions;
begin
  -- The caller may repeat a call whose answer was lost. The audit entry with its id then answers.
  perform pg_advisory_xact_lock(hashtextextended(p_request_id::text, 0));
  v_answer := coalesce(
    private.finalize_answer(p_request_id, p_actor_id, v_action, p_auction_id),
    private.reason_refusal(p_reason)
  );
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
    v_action,
    'auctions',
    p_auction_id::text,
    private.plain_reason(p_reason),
    jsonb_build_object('result', v_answer),
    p_request_id
  );
  return private.finalize_answer(p_request_id, p_actor_id, v_action, p_auction_id);
end;
$$;
comment on function private.finalize_auctions is 'Close auctions for a member of staff, and audit it; see the public wrapper.';
grant execute on function private.finalize_auctions to service_role;

create function private.finalize_answer(
  p_request_id uuid, p_actor_id uuid, p_action text, p_auction_id uuid
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select
      case
        when
          (actor_id, action, entity_id)
          is distinct from (p_actor_id, p_action, p_auction_id::text)
          then private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else')
        else
          jsonb_build_object(
            'success', true,
            'result', metadata -> 'result',
            'audit_log', jsonb_build_object(
              'id', id, 'actor_id', actor_id, 'action', action, 'entity', entity,
              'entity_id', entity_id, 'description', description, 'created_at', created_at
            )
          )
      end
    from public.audit_logs where id = p_request_id
  );
end;
$$;
comment on function private.finalize_answer is 'Return the answer of finalize_auctions from the audit entry that it wrote, a refusal if another request wrote the entry, or null if nobody did.';

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
