-- This migration creates the tables of threads and messages.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Messaging: tables.

create type public.message_type as enum ('text', 'image', 'file', 'system');
comment on type public.message_type is 'The kind of content. The system writes messages of type system in the name of the sender.';

create type public.filter_action as enum ('allow', 'warn', 'mask', 'hold');
comment on type public.filter_action is 'The action that the message filter took, from the mildest to the strictest.';

create type public.message_delivery as enum ('delivered', 'held', 'rejected');
comment on type public.message_delivery is 'The recipient sees delivered messages only. Staff decide about a held one.';

create table public.message_threads (
  id uuid not null default gen_random_uuid(),
  listing_id uuid not null,
  order_id uuid,
  buyer_id uuid not null,
  seller_id uuid not null,
  subject text not null,
  last_message_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_visible_to_seller boolean not null default true,
  constraint message_threads_pkey primary key (id),
  constraint message_threads_listing_id_fkey
  foreign key (listing_id) references public.listings (id),
  constraint message_threads_order_id_fkey foreign key (order_id) references public.orders (id),
  constraint message_threads_buyer_id_fkey foreign key (buyer_id) references public.users (id),
  constraint message_threads_seller_id_fkey foreign key (seller_id) references public.users (id),
  constraint message_threads_listing_id_buyer_id_key unique (listing_id, buyer_id),
  constraint message_threads_parties_differ check (buyer_id <> seller_id)
);
comment on table public.message_threads is 'Conversations, one per listing and interested buyer. The winner''s thread also belongs to the order.';

comment on column public.message_threads.is_visible_to_seller is 'False while all messages of the buyer are held or rejected, and the thread has no order. The seller then does not see the thread.';

create index message_threads_order_id_idx on public.message_threads (order_id);
create index message_threads_buyer_id_last_message_at_idx
on public.message_threads (buyer_id, last_message_at desc);
create index message_threads_seller_id_last_message_at_idx
on public.message_threads (seller_id, last_message_at desc);

create table public.messages (
  id uuid not null default gen_random_uuid(),
  thread_id uuid not null,
  sender_id uuid not null,
  client_message_id uuid not null,
  content text not null,
  message_type public.message_type not null default 'text',
  attachment_url text,
  attachment_name text,
  attachment_size bigint,
  action public.filter_action not null,
  reason_codes text[] not null default '{}',
  rule_version integer not null,
  delivery public.message_delivery not null,
  read_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  -- The thread's foreign keys already guard both parties.
  recipient_id uuid not null,
  constraint messages_pkey primary key (id),
  constraint messages_thread_id_fkey
  foreign key (thread_id) references public.message_threads (id),
  constraint messages_sender_id_fkey foreign key (sender_id) references public.users (id),
  constraint messages_sender_id_client_message_id_key unique (sender_id, client_message_id),
  constraint messages_content_is_short check (char_length(content) between 1 and 1000),
  constraint messages_attachment_size_is_positive check (attachment_size > 0)
);
comment on table public.messages is 'Messages of the two parties of a thread, with the text that the recipient may read. The original of a masked message is sealed in another schema.';
comment on column public.messages.read_at is 'The database''s time at the recipient''s first reading. It is set once.';
comment on column public.messages.recipient_id is 'The other party of the thread. A trigger sets it, so the policies need no look at the thread.';

create index messages_thread_id_created_at_idx on public.messages (thread_id, created_at);
-- A user counts the unread messages of all threads. Each part of the policy needs its own column.
create index messages_unread_idx on public.messages (recipient_id, sender_id, id)
where read_at is null;
-- The filter reads the recent messages of a sender to one recipient.
create index messages_sender_id_created_at_idx on public.messages (sender_id, created_at);
-- Staff read the held messages, the oldest first.
create index messages_held_created_at_idx on public.messages (created_at)
where delivery = 'held';

create table private.message_originals (
  message_id uuid not null,
  original text not null,
  risk_score integer not null,
  findings jsonb not null,
  rule_version integer not null,
  created_at timestamptz not null default now(),
  constraint message_originals_pkey primary key (message_id),
  constraint message_originals_message_id_fkey
  foreign key (message_id) references public.messages (id),
  constraint message_originals_risk_score_is_in_range check (risk_score between 0 and 100)
);
comment on table private.message_originals is 'Sealed texts of messages in which the filter found something. Staff read them by an audited function, and nobody else reads them.';
comment on column private.message_originals.findings is 'Findings of the filter: rule, reason code, score and span. message_id names the message that holds the span, and completed_by a later message that completed it.';

create index message_originals_created_at_idx on private.message_originals (created_at);

create type private.earlier_messages as (message_ids uuid [], originals text []);
comment on type private.earlier_messages is 'Messages that the filter joins with a new one, the oldest first: their ids and their original texts.';
