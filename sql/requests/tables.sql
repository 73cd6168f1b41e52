create table private.request_receipts (
  -- There is no foreign key, because the called function itself refuses a caller without a profile.
  caller_id uuid not null,
  client_request_id uuid not null,
  function text not null,
  answer jsonb,
  created_at timestamptz not null default now(),
  arguments_hash uuid,
  constraint request_receipts_pkey primary key (caller_id, client_request_id)
);
comment on table private.request_receipts is 'Answers of calls by client_request_id. A client may repeat a call for 30 days, and its effect happens only once.';
comment on column private.request_receipts.arguments_hash is 'A hash of the arguments of the call. Null where the function compares them itself.';
