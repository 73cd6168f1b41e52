alter table private.request_receipts enable row level security;
