set lock_timeout = '2s';
set statement_timeout = '30s';

create table private.request_receipts (
  -- No foreign key: someone without a profile is to be told so, and by the function that is called.
  caller_id uuid not null,
  client_request_id uuid not null,
  function text not null, -- noqa: RF04
  answer jsonb,
  created_at timestamptz not null default now(),
  constraint request_receipts_pkey primary key (caller_id, client_request_id)
);
comment on table private.request_receipts is 'What a call was answered, so that a client may send it again and nothing is done twice.';
