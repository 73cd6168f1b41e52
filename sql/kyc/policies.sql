alter table private.kyc_sessions enable row level security;

alter table private.kyc_attempts enable row level security;
