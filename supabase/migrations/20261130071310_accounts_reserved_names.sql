set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.profile_from_sign_up(p_id uuid, p_email text, p_metadata jsonb)
returns public.users
language plpgsql
set search_path = ''
as $$
declare
  v_user public.users;
begin
  -- The user writes the metadata. A field that does not fit is left out, and no sign-up fails.
  v_user.id := p_id;
  v_user.email := private.free_email(p_email, p_id);
  if jsonb_typeof(p_metadata -> 'display_name') = 'string' then
    v_user.display_name := btrim(left(p_metadata ->> 'display_name', 80));
  end if;
  if
    private.display_name_refusal(v_user.display_name) is not null
    or private.claims_authority(v_user.display_name)
  then
    v_user.display_name := private.default_name();
  end if;
  if jsonb_typeof(p_metadata -> 'phone') in ('string', 'number') then
    v_user.phone := private.line_or_null(p_metadata ->> 'phone', 32);
  end if;
  if jsonb_typeof(p_metadata -> 'legal_name') = 'string' then
    v_user.legal_name := private.line_or_null(p_metadata ->> 'legal_name', 200);
  end if;
  v_user.dob := private.date_or_null(p_metadata ->> 'dob');
  if not private.is_birth_date(v_user.dob) then
    v_user.dob := null;
  end if;
  v_user.address := private.address_or_null(p_metadata -> 'address');
  return v_user;
end;
$$;
comment on function private.profile_from_sign_up is 'Build a profile from the metadata of a sign-up. A field that breaks a rule is left out.';

create or replace function private.checked_profile(p_old public.users, p_new public.users)
returns public.users
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_new public.users := p_new;
  v_refusal text;
  v_code text := 'VALIDATION_ERROR';
begin
  if v_new.display_name is distinct from p_old.display_name then
    v_refusal := private.display_name_refusal(v_new.display_name);
    if
      v_refusal is null
      and coalesce(p_old.role not in ('moderator', 'admin'), true)
      and private.claims_authority(v_new.display_name)
    then
      v_refusal := 'Display name must not claim to be the marketplace or its staff';
      v_code := 'NAME_RESERVED';
    end if;
  end if;
  v_new.legal_name := private.line_or_null(p_new.legal_name, 200);
  v_new.phone := private.line_or_null(p_new.phone, 32);
  v_new.address := private.address_or_null(p_new.address);
  v_refusal := coalesce(v_refusal, case
    when v_new.legal_name is null and p_new.legal_name <> ''
      then 'Legal name must have at most 200 characters'
    when v_new.phone is null and p_new.phone <> '' then 'Phone must have at most 32 characters'
    when not private.is_birth_date(v_new.dob)
      then 'Date of birth must be at least ten years ago, from 1900 on'
    when
      p_new.address <> '{}'
      and (
        jsonb_typeof(p_new.address) <> 'object'
        or v_new.address is null
        or p_new.address - array['street', 'suburb', 'postcode', 'state'] <> '{}'
      )
      then 'Address must be street, suburb, postcode and state, each a short text'
  end);
  if v_refusal is not null then
    raise check_violation using
      message = v_refusal,
      detail = v_code,
      constraint = 'users_profile_is_checked';
  end if;
  return v_new;
end;
$$;
comment on function private.checked_profile is 'Return a profile with cleaned texts. Raises check_violation for a name, date or text that breaks a rule.';
grant execute on function private.checked_profile to authenticated;

-- Only staff may have these public names, because people would trust them.
create function private.claims_authority(p_name text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  v_office constant text := private.lookalike_pattern(array[
    'admin', 'admins', 'administration', 'administrator', 'administrators', 'customercare',
    'customerservice', 'customerservices', 'helpcenter', 'helpcentre', 'helpdesk', 'helpteam',
    'moderation', 'moderator', 'moderators', 'staff', 'support', 'trustandsafety', 'trustsafety'
  ]);
  -- These are names of things, too. So they count only in a name that says nothing else.
  v_thing constant text := private.lookalike_pattern(array['marketplace', 'mod', 'mods']);
  v_other constant text := private.lookalike_pattern(array[
    'account', 'accounts', 'agent', 'aus', 'aussie', 'australia', 'australian', 'billing', 'bot',
    'buyer', 'chat', 'chief', 'contact', 'customer', 'desk', 'dispute', 'disputes', 'fraud',
    'head', 'help', 'here', 'info', 'lead', 'live', 'manager', 'market', 'member', 'official',
    'online', 'only', 'order', 'orders', 'our', 'payment', 'payments', 'payout', 'payouts', 'real',
    'refund', 'refunds', 'security', 'seller', 'senior', 'service', 'services', 'site', 'sub',
    'super', 'system', 'team', 'tech', 'technical', 'the', 'user', 'verified', 'web', 'your'
  ]);
  -- Short words make other names if they are joined, such as Staffan and Moda.
  v_short constant text := private.lookalike_pattern(array[
    'a', 'an', 'and', 'au', 'for', 'from', 'hq', 'mr', 'ms', 'my', 'of', 'rep', 'x'
  ]);
  v_market constant text := private.lookalike_pattern(array[
    'aussiemarket', 'aussiesmarket', 'aussimarket', 'aussymarket', 'auzziemarket', 'ozziemarket',
    'ozzymarket'
  ]);
  v_beside constant text := format('(?:%s|%s)*', v_other, v_office);
  v_folded constant text := (private.fold_text(p_name)).folded;
begin
  return exists (
    with reading as (
      select string_to_array(
        btrim(regexp_replace(written.name, '[^a-z0-9$@!|]+', ' ', 'g')), ' '
      ) as words
      from (
        -- A digit or a sign stands for a letter, or beside a word.
        values
        (v_folded),
        (regexp_replace(v_folded, '\m[0-9]+|[0-9]+\M', '', 'g')),
        (translate(v_folded, '$@!|', '    ')),
        -- Letters that stand alone are one word.
        (regexp_replace(v_folded, '\m([a-z]) (?=[a-z]\M)', '\1', 'g'))
      ) as written (name)
    )

    select
    from reading
    where
      private.lookalike_form(array_to_string(reading.words, ' ')) ~ format(
        '^(?:(?:%1$s|%2$s+) )*%2$s*%3$s%2$s*(?: (?:%1$s|%2$s+))*$', v_short, v_other, v_thing
      )
      -- An office or the marketplace counts in any run of words.
      or exists (
        select
        from generate_subscripts(reading.words, 1) as first
        cross join lateral generate_series(first, cardinality(reading.words)) as last
        cross join lateral private.lookalike_form(
          array_to_string(reading.words[first:last], '')
        ) as claim
        where
          claim ~ format('^%s*%s', v_other, v_market)
          or claim ~ format('^%s%s%s$', v_beside, v_office, v_beside)
      )
  );
end;
$$;
comment on function private.claims_authority is 'Return true if a public name claims to be the marketplace, its support, staff, admins or moderators: in words that stand alone, joined or apart, and in signs that look alike.';

create function private.lookalike_pattern(p_words text[])
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select '(?:' || string_agg(private.lookalike_form(known.word), '|') || ')'
    from unnest(p_words) as known (word)
  );
end;
$$;
comment on function private.lookalike_pattern is 'Return a pattern that matches the look-alike form of each of these words.';

create function private.lookalike_form(p_text text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- "rn" looks like m, "vv" like w and "cl" like d. A letter may stand twice.
  return regexp_replace(
    translate(
      replace(replace(replace(p_text, 'rn', 'm'), 'vv', 'w'), 'cl', 'd'),
      '0134578lj|!$@', 'oieastbiiiisa'
    ),
    '(.)\1+', '\1', 'g'
  );
end;
$$;
comment on function private.lookalike_form is 'Return a folded text with one letter for all signs that look like it. Two texts that look alike have the same form.';

create function private.default_name()
returns text
language plpgsql
volatile
set search_path = ''
as $$
begin
  return 'member-' || substr(md5(gen_random_uuid()::text), 1, 6);
end;
$$;
comment on function private.default_name is 'Return a name for a user who has given none that is allowed.';

create or replace function private.store_role(p_user public.users, p_role text, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if p_role <> p_user.role::text then
    update public.users
    set
      role = p_role::public.user_role,
      -- A name of the staff stays with the staff.
      display_name = case
        when p_role in ('buyer', 'seller') and private.claims_authority(display_name)
          then private.default_name()
        else display_name
      end
    where id = p_user.id;
    perform private.write_audit(
      auth.uid(), 'role_set', 'users', p_user.id::text, p_reason,
      jsonb_build_object('from', p_user.role, 'to', p_role)
    );
  end if;
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.store_role is 'Store a new role, and audit it. The same role again changes nothing.';

-- The update reads every user once, which may take longer than the limit above.
set statement_timeout = 0;

-- The first condition is quick, and spares most users the second.
update public.users
set display_name = private.default_name()
where
  role in ('buyer', 'seller')
  and case
    when private.lookalike_form(
      regexp_replace((private.fold_text(display_name)).folded, '[^a-z0-9$@!|]', '', 'g')
    ) ~ private.lookalike_pattern(array[
      'admin', 'moderat', 'staff', 'support', 'market', 'mod', 'help', 'customer', 'trust'
    ])
      then private.claims_authority(display_name)
    else false
  end;
