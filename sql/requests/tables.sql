create table private.request_receipts (
  caller_id uuid not null,
  client_request_id uuid not null,
  function text not null,
  answer jsonb,
  created_at timestamptz not null default now(),
  constraint request_receipts_pkey primary key (caller_id, client_request_id),
  constraint request_receipts_caller_id_fkey
  foreign key (caller_id) references public.users (id)
);
comment on table private.request_receipts is 'What a call was answered, so that a client may send it again and nothing is done twice.';
