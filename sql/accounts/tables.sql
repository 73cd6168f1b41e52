create type public.user_role as enum ('buyer', 'seller', 'moderator', 'admin');
comment on type public.user_role is 'The rights of a user. Moderators and admins are staff.';

create type public.kyc_status as enum ('none', 'pending', 'passed', 'failed');
comment on type public.kyc_status is 'The state of a person''s verification by Stripe Identity. A user needs passed to bid or to sell.';

create table public.users (
  id uuid not null,
  email text,
  display_name text not null, -- functions/names.sql sets the default.
  phone text,
  legal_name text,
  dob date,
  address jsonb,
  role public.user_role not null default 'buyer',
  kyc public.kyc_status not null default 'none',
  kyc_details jsonb,
  kyc_completed_at timestamptz,
  suspended_at timestamptz,
  stripe_customer_id text,
  stripe_connect_account_id text,
  payouts_enabled boolean not null default false,
  stripe_identity_session_id text,
  deleted_at timestamptz,
  address_verified boolean not null default false,
  address_verified_at timestamptz,
  address_verification_method text,
  address_normalized jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint users_pkey primary key (id),
  constraint users_id_fkey foreign key (id) references auth.users (id),
  constraint users_stripe_connect_account_id_key unique (stripe_connect_account_id),
  constraint users_stripe_identity_session_id_key unique (stripe_identity_session_id),
  constraint users_display_name_is_short check (char_length(display_name) between 3 and 40),
  constraint users_phone_is_short check (char_length(phone) <= 32),
  constraint users_legal_name_is_short check (char_length(legal_name) <= 200),
  constraint users_address_is_small check (
    jsonb_typeof(address) = 'object'
    and address - array['street', 'suburb', 'postcode', 'state'] = '{}'
    and char_length(address::text) <= 1000
  ),
  constraint users_kyc_details_are_two check (
    jsonb_typeof(kyc_details) = 'object'
    and kyc_details - array['reason_code', 'stripe_status'] = '{}'
  ),
  constraint users_address_verification_method_is_known
  check (address_verification_method in ('identity', 'poa', 'mail'))
);
comment on table public.users is 'Profiles, readable by the person and staff. All our tables refer to users here, never to auth.users.';
comment on column public.users.address is 'The person''s own input: street, suburb, postcode, state.';
comment on column public.users.kyc_details is 'reason_code and stripe_status. Data from the documents is never stored.';
comment on column public.users.address_normalized is 'The normalized address. It is derived from the person''s own input only.';

-- The index is on lower(), since citext compares case-sensitively where the search_path is empty.
create unique index users_email_idx on public.users (lower(email));

create table private.account_deletions (
  user_id uuid not null,
  requested_at timestamptz not null,
  checked_at timestamptz not null,
  created_at timestamptz not null default now(),
  constraint account_deletions_pkey primary key (user_id),
  constraint account_deletions_user_id_fkey foreign key (user_id)
  references public.users (id) on delete cascade
);
comment on table private.account_deletions is 'Anonymised accounts whose user at Auth still has to be deleted. A trigger removes the row when Auth has deleted the user.';
comment on column private.account_deletions.checked_at is 'The time at which a process last began to delete the user at Auth.';

create index account_deletions_checked_at_idx on private.account_deletions (checked_at);
