set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.opened_log_rows(p_auction_id uuid)
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
