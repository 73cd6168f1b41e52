set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.close_lags;

create or replace function private.end_expired_auctions(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_auction_id uuid;
  v_answer jsonb;
  v_failed integer := 0;
  v_results jsonb[] := '{}';
  v_outages tstzmultirange;
  v_now timestamptz;
begin
  v_now := private.clock();
  v_outages := private.known_outages(v_now);
  for v_auction_id in
    select a.id from public.auctions as a
    where a.status = 'live' and a.end_at <= v_now and not exists (
      select from private.finalize_failures as f
      where f.auction_id = a.id and f.retry_at > v_now
    )
    order by a.end_at
    limit p_max_rows
    for no key update of a skip locked
  loop
    -- Each auction has its own block, so that a failure undoes this auction alone. A constraint
    -- deferred to the commit would undo all of them, so check it here.
    begin
      v_answer := private.close_or_extend(v_auction_id, false, v_outages);
      set constraints all immediate;
      set constraints all deferred;
      v_results := v_results || (jsonb_build_object('auction_id', v_auction_id) || v_answer);
    exception when others then
      v_failed := v_failed + 1;
      perform private.put_off(v_auction_id, sqlerrm);
    end;
  end loop;
  return jsonb_build_object(
    'success', true,
    'auctions_processed', cardinality(v_results),
    'failed', v_failed,
    'results', to_jsonb(v_results),
    'lags_s', private.seconds_past_end(v_results)
  );
end;
$$;

create function private.seconds_past_end(p_results jsonb[])
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  v_now := private.clock();
  return coalesce(
    (
      select jsonb_agg(extract(epoch from v_now - a.end_at) order by a.end_at)
      from unnest(p_results) as r
      join public.auctions as a on a.id = (r ->> 'auction_id')::uuid
      where a.status in ('finalized', 'no_sale')
    ),
    '[]'
  );
end;
$$;

comment on function private.seconds_past_end is 'Return the seconds that have passed since the end of each auction that a batch has closed. The commit follows at once.';
