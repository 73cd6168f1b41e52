set lock_timeout = '2s';
set statement_timeout = '30s';

-- A migration runs in a transaction, where no index is built concurrently. The tables are small.
-- squawk-ignore require-concurrent-index-creation
create index listings_live_category_id_created_at_idx
on public.listings (category_id, created_at desc) where status = 'live';

-- squawk-ignore require-concurrent-index-creation
create index disputes_created_at_idx on public.disputes (created_at desc);
