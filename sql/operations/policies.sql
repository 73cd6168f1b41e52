alter table private.open_alerts enable row level security;
alter table private.job_runs enable row level security;
alter table private.reading_positions enable row level security;
alter table private.object_checks enable row level security;
alter table private.balance_transactions enable row level security;
alter table private.order_checks enable row level security;

alter table private.heartbeats enable row level security;

alter table private.outages enable row level security;

alter table private.close_lags enable row level security;
alter table private.limit_refusals enable row level security;
