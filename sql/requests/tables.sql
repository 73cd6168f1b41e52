create table private.request_receipts (
  -- There is no foreign key, because the called function itself refuses a caller without a profile.
  caller_id uuid not null,
  client_request_id uuid not null,
  function text not null, -- noqa: RF04
  answer jsonb,
  created_at timestamptz not null default now(),
  object_id uuid,
  constraint request_receipts_pkey primary key (caller_id, client_request_id)
);
comment on table private.request_receipts is 'Answers of calls by client_request_id. A client may repeat a call, and its effect happens only once.';
comment on column private.request_receipts.object_id is 'The listing, order, dispute, message or user that the call is about. If an argument chooses what happens to the object, it is a hash of both. Null for a call that creates its object.';
