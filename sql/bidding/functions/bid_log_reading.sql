create function private.get_bid_log(p_auction_id uuid)
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
comment on function private.get_bid_log is 'Return the log of a closed auction, or a refusal while it runs or where it was cancelled.';
grant execute on function private.get_bid_log to anon, authenticated;

create function private.opened_log_rows(p_auction_id uuid)
returns table (seq integer)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  with log as (
    select b.* from private.bid_log as b
    -- A log that began after the first bid lacks maxima, so it opens none.
    where b.auction_id = p_auction_id and not exists (
      select from private.bid_log as first
      where first.auction_id = p_auction_id and first.seq = 1
        and first.record -> 'bids_before' <> '0'
    )
  ), withdrawn as (
    select jsonb_array_elements(log.record -> 'bidders')::integer as bidder_number
    from log where log.kind = 'withdrawal'
  ), ranked as (
    -- A maximum leads if it is above all earlier ones. A withdrawn maximum beats none and stays
    -- sealed.
    select
      log.seq, log.bidder_number, log.sealed_cents > coalesce(max(log.sealed_cents) over (
        order by log.seq rows between unbounded preceding and 1 preceding
      ), 0) as leads
    from log
    where
      log.kind in ('bid', 'raise', 'sealed')
      and log.bidder_number not in (select withdrawn.bidder_number from withdrawn)
  ), beaten as (
    select
      ranked.seq, ranked.leads, ranked.bidder_number,
      lead(ranked.bidder_number) over (partition by ranked.leads order by ranked.seq) as next_number
    from ranked
  )
  select beaten.seq from beaten
  where not beaten.leads or beaten.next_number <> beaten.bidder_number
  union all
  select 1 from log
  having max(log.seq) filter (where log.record ->> 'reserve' = 'lifted')
    > coalesce(max(log.seq) filter (where log.record ->> 'reserve' = 'unmet'), 0);
end;
$$;
comment on function private.opened_log_rows is 'Return the rows whose sealed amount may be known: maxima that another bidder has beaten, and the reserve if the price was lifted to it. Maxima that lead, that their own bidder raised, or that were withdrawn stay sealed.';

create function private.opening(p_row private.bid_log)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_row.kind = 'start' then
    return jsonb_build_object(
      'reserve_cents', p_row.sealed_cents, 'salt', encode(p_row.salt, 'hex')
    );
  end if;
  return jsonb_build_object(
    'at', private.log_time(p_row.created_at),
    'bidder', p_row.bidder_number,
    'max_cents', p_row.sealed_cents,
    'salt', encode(p_row.salt, 'hex')
  );
end;
$$;
comment on function private.opening is 'Return the values behind a commitment. With the auction''s id they are the text that it hashes.';
