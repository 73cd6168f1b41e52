set lock_timeout = '2s';
set statement_timeout = '30s';

alter table public.auctions validate constraint auctions_outage_extension_has_a_reason;
